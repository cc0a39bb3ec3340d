//! Files that are too large or too strange to be kept: made from a recipe of a few lines.
//!
//! Each line is an instruction with a text in JSON: `text "..."`, `repeat N "..."` with `{}` for the number of the
//! repetition, or `bytes "..."` in hexadecimal.

/// Makes the bytes of a recipe.
pub(crate) fn from_recipe(recipe: &str) -> Vec<u8> {
    let mut bytes = vec![];
    for line in recipe.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (instruction, rest) = line.split_once(' ').unwrap();
        match instruction {
            "text" => bytes.extend(text(rest).into_bytes()),
            "repeat" => {
                let (count, rest) = rest.split_once(' ').unwrap();
                let piece = text(rest);
                for number in 0..count.parse::<usize>().unwrap() {
                    bytes.extend(piece.replace("{}", &number.to_string()).into_bytes());
                }
            }
            "bytes" => bytes.extend(hex::decode(text(rest)).unwrap()),
            other => panic!("no instruction of a recipe: {other}"),
        }
    }
    bytes
}

fn text(json: &str) -> String {
    serde_json::from_str(json).unwrap()
}
