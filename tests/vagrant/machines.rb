# frozen_string_literal: true

# Writes the name and the addresses of each machine of a Vagrantfile, one machine a line: `ruby machines.rb VAGRANTFILE`.
# Stands in for Vagrant, whose own commands that would tell want a hypervisor.

# Takes every setting and hands on to the blocks that set more.
class Setting
  def initialize
    @addresses = []
  end

  def network(kind, ip:)
    raise "#{kind} is no network of one's own" unless kind == :private_network

    @addresses << ip
  end

  def define(name)
    machine = Setting.new
    yield machine
    puts [name, *machine.vm.addresses].join(' ')
  end

  def vm
    @vm ||= Setting.new
  end

  attr_reader :addresses

  def method_missing(*)
    yield Setting.new if block_given?
    self
  end

  def respond_to_missing?(*)
    true
  end
end

# What a Vagrantfile calls.
module Vagrant
  def self.configure(_version)
    yield Setting.new
  end
end

load ARGV.fetch(0)
