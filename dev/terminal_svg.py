#!/usr/bin/env python3
"""Records what a command draws on a terminal, as an SVG that plays in real time.

    dev/terminal_svg.py OUT COLUMNS ROWS COMMAND [ARGUMENT...]

The terminal is tmux's, so the picture is what a person would have seen. Viewers that do not animate, and people who asked
their system for less motion, see the end. Exits with the command's status.
"""

import re
import subprocess
import sys
import tempfile
import time
import uuid
from html import escape

SAMPLES_PER_SECOND = 4
SECONDS_AT_THE_END = 6
CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 18, 16
BACKGROUND, FOREGROUND = "#16181d", "#d5d8de"
COLOURS = ["#3b4048", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4"]
BRIGHT = ["#6b7280", "#ef8a92", "#b3d99a", "#f0d399", "#85c4f7", "#d79ae8", "#7fccd6", "#ffffff"]


def record(columns, rows, command):
    """Runs the command and returns its screens as (seconds, text with SGR sequences)."""
    server = ["tmux", "-L", f"sealift-record-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]

    def tmux(*words):
        return subprocess.run([*server, *words], check=True, capture_output=True, text=True).stdout

    # Set before the pane is made: a command that ends at once would take its screen with it.
    tmux("start-server", ";", "set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "remain-on-exit-format", "",
         ";", "set-option", "-g", "status", "off",
         ";", "set-option", "-g", "default-terminal", "tmux-256color",
         ";", "new-session", "-d", "-x", str(columns), "-y", str(rows), *command)
    began, screens, dead = time.monotonic(), [], False
    try:
        while not dead:
            # Asked before the screen is taken, so that the last screen is the whole one.
            dead = tmux("display-message", "-p", "#{pane_dead}").strip() == "1"
            screen = tmux("capture-pane", "-e", "-p")
            if not screens or screens[-1][1] != screen:
                screens.append((time.monotonic() - began, screen))
            time.sleep(1 / SAMPLES_PER_SECOND)
    finally:
        subprocess.run([*server, "kill-server"], check=False, capture_output=True)
    return screens


def colour(codes):
    """Reads the rest of an extended colour, 5;N or 2;R;G;B."""
    kind = next(codes, 0)
    if kind == 2:
        return "#%02x%02x%02x" % (next(codes, 0), next(codes, 0), next(codes, 0))
    index = next(codes, 0)
    if index < 16:
        return (COLOURS + BRIGHT)[index]
    if index >= 232:
        return "#%02x%02x%02x" % ((8 + 10 * (index - 232),) * 3)
    index -= 16
    levels = [0, 95, 135, 175, 215, 255]
    return "#%02x%02x%02x" % (levels[index // 36], levels[index // 6 % 6], levels[index % 6])


def restyle(style, codes):
    """Applies the numbers of one SGR sequence (ECMA-48, 8.3.117) to a style."""
    codes = iter(codes)
    for code in codes:
        if code == 0:
            style.clear()
        elif code in (1, 2, 3, 4, 7):
            style[code] = True
        elif code == 22:
            style.pop(1, None)
            style.pop(2, None)
        elif code in (23, 24, 27):
            style.pop(code - 20, None)
        elif 30 <= code <= 37:
            style["fill"] = COLOURS[code - 30]
        elif 90 <= code <= 97:
            style["fill"] = BRIGHT[code - 90]
        elif code == 38:
            style["fill"] = colour(codes)
        elif code == 39:
            style.pop("fill", None)
        elif code == 48:
            colour(codes)


def spans(screen):
    """Yields the lines of a screen as SVG spans, each placed by its column; a style lasts over the ends of lines."""
    style = {}
    for line in screen.split("\n"):
        column, drawn = 0, []
        for part in re.split(r"(\x1b\[[0-9;:]*m)", line):
            if part.startswith("\x1b["):
                restyle(style, [int(code or 0) for code in re.split("[;:]", part[2:-1])])
                continue
            part = re.sub(r"\x1b.|[\x00-\x1f]", "", part)
            if part.strip():
                drawn.append(f'<tspan x="{MARGIN + column * CELL_WIDTH:g}"{attributes(style)}>{escape(part)}</tspan>')
            column += len(part)
        yield "".join(drawn)


def attributes(style):
    text = f' fill="{style["fill"]}"' if "fill" in style else ""
    if style.get(1):
        text += ' font-weight="bold"'
    if style.get(2):
        text += ' opacity="0.6"'
    if style.get(3):
        text += ' font-style="italic"'
    if style.get(4):
        text += ' text-decoration="underline"'
    return text


def svg(screens, columns, rows):
    """Draws the screens. A line that stands on several of them is written once."""
    lines, frames = {}, []
    for began, screen in screens:
        uses = []
        for row, line in enumerate(spans(screen)):
            if line:
                name = lines.setdefault(line, f"l{len(lines)}")
                uses.append(f'<use href="#{name}" y="{MARGIN + (row + 0.75) * CELL_HEIGHT:g}"/>')
        frames.append((began, "".join(uses)))
    total = frames[-1][0] + SECONDS_AT_THE_END
    styles, groups = [], []
    for index, (began, uses) in enumerate(frames):
        ends = frames[index + 1][0] if index + 1 < len(frames) else total
        first, last = 100 * began / total, 100 * ends / total
        shown = [] if index == 0 else ["0%{visibility:hidden}"]
        shown.append(f"{0 if index == 0 else first:.3f}%{{visibility:visible}}")
        if index + 1 < len(frames):
            shown.append(f"{last:.3f}%{{visibility:hidden}}")
        styles.append(f"@keyframes k{index}{{{''.join(shown)}}}#f{index}{{animation-name:k{index}}}")
        end = ' class="end"' if index + 1 == len(frames) else ""
        groups.append(f'<g id="f{index}"{end}>{uses}</g>')
    width, height = 2 * MARGIN + columns * CELL_WIDTH, 2 * MARGIN + rows * CELL_HEIGHT
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">
<title>A recording of a terminal</title>
<style>
text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:{FOREGROUND};white-space:pre}}
g{{visibility:hidden;animation:{total:.2f}s step-end infinite}}
g.end{{visibility:visible}}
@media (prefers-reduced-motion:reduce){{g{{animation:none!important}}}}
{"".join(styles)}
</style>
<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>
<defs>
{"".join(f'<text id="{name}" xml:space="preserve">{line}</text>' for line, name in lines.items())}
</defs>
{"".join(groups)}
</svg>
"""


def main():
    out, columns, rows, *command = sys.argv[1:]
    with tempfile.NamedTemporaryFile("r") as status:
        # tmux 3.3 does not always know how the command of a dead pane ended, so a shell writes it down.
        noted = ["sh", "-c", '"$@"; echo $? >"$0"', status.name, *command]
        screens = record(int(columns), int(rows), noted)
        ended = int(status.read() or 1)
    with open(out, "w", encoding="utf-8") as file:
        file.write(svg(screens, int(columns), int(rows)))
    sys.exit(ended)


if __name__ == "__main__":
    main()
