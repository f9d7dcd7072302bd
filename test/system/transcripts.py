# SPDX-License-Identifier: Apache-2.0
"""Transcripts of command line programs: what was typed, what came out, the exit code.

    # a remark            "# file NAME:" and the "#   TEXT" below it make a file in the current folder
    $ PROGRAM ARG...      shell words; BROKER and ZOOKEEPER stand for addresses
    < a line on standard input
    --- stdout            whole
    --- stderr            only the first line
    --- (no newline at the end)
    --- exit N

What differs from run to run is masked (mask): ids, times, numbers of groups and correlations."""
import re
import shlex
import subprocess


class Command:
    def __init__(self, line):
        self.line = line
        self.remarks = []
        self.files = {}
        self.input = []
        self.stdout = ''
        self.stderr = ''
        self.code = 0

    def run(self, program_of, folder, broker, zookeeper, environment=None, timeout=120):
        """Runs it: program_of gives the words that a program's name stands for. Returns (stdout, stderr, code)."""
        for name, text in self.files.items():
            (folder / name).write_text(text)
        words = shlex.split(self.line.replace('BROKER', broker).replace('ZOOKEEPER', zookeeper))
        result = subprocess.run(program_of(words[0]) + words[1:], cwd=folder, env=environment, timeout=timeout,
                                input=''.join(f'{line}\n' for line in self.input).encode(), capture_output=True)
        return result.stdout.decode(errors='replace'), result.stderr.decode(errors='replace'), result.returncode


def read(path):
    """The commands of a transcript, in order."""
    commands, remarks, files, name, section = [], [], {}, None, None
    for line in path.read_text().splitlines()[1:]:
        if line.startswith('# file '):
            section, name = 'remark', line[7:].rstrip(':')
            files[name] = ''
        elif section in (None, 'remark') and line.startswith('#   ') and name:
            files[name] += line[4:] + '\n'
        elif section in (None, 'remark') and line.startswith('#'):
            remarks.append(line[2:])
        elif line.startswith('$ '):
            commands.append(Command(line[2:]))
            commands[-1].remarks, commands[-1].files, remarks, files, name = remarks, files, [], {}, None
            section = 'input'
        elif section == 'input' and line.startswith('<'):
            commands[-1].input.append(line[2:])
        elif line in ('--- stdout', '--- stderr'):
            section = line[4:]
        elif line == '--- (no newline at the end)':
            commands[-1].stdout = commands[-1].stdout[:-1]
        elif line.startswith('--- exit '):
            commands[-1].code = int(line.split()[2])
            section = None
        elif section in ('stdout', 'stderr'):
            setattr(commands[-1], section, getattr(commands[-1], section) + line + '\n')
    return commands


def write(path, title, commands):
    out = [f'# {title}']
    for command in commands:
        out.append('')
        out += [f'# {remark}' for remark in command.remarks]
        for name, text in command.files.items():
            out += [f'# file {name}:'] + [f'#   {line}' for line in text.splitlines()]
        out.append(f'$ {command.line}')
        out += [f'< {line}' for line in command.input]
        if command.stdout:
            out += ['--- stdout'] + command.stdout.splitlines()
            if not command.stdout.endswith('\n'):
                out.append('--- (no newline at the end)')
        if command.stderr:
            out += ['--- stderr', command.stderr.splitlines()[0]]
        out.append(f'--- exit {command.code}')
    path.write_text('\n'.join(out) + '\n')


MASKS = [
    # Whether it is there before the program ends is a matter of luck.
    (r'\nWATCHER::\n\nWatchedEvent state:\w+ type:None path:null\n', ''),
    (r'TopicId: [\w-]{22}', 'TopicId: ID'),
    (r'(CreateTime|LogAppendTime):\d+', r'\1:TIME'),
    (r'console-consumer-\d+', 'console-consumer-N'),
    (r'correlation id \d+', 'correlation id N'),
    (r'(BROKER|localhost)(:\d+)?/[\d.:a-f]+:\d+', 'ADDRESS'),
    (r'[cm]time = .*', 'time = TIME'),
    (r'[cmp]Zxid = 0x[\da-f]+', 'zxid = N'),
    (r'cversion = \d+', 'cversion = N'),
    (r'"timestamp":"\d+"', '"timestamp":"TIME"'),
    (r'"id":"[\w-]{22}"', '"id":"ID"'),
]


def mask(text, broker, zookeeper):
    text = text.replace(broker, 'BROKER').replace(zookeeper, 'ZOOKEEPER')
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return text


def first_message(stderr):
    """The message of the first line of standard error: without time, level and logger of a log line."""
    line = stderr.splitlines()[0] if stderr else ''
    line = re.sub(r'^\[[-\d]+ [\d:,]+\] ', '', line)
    return re.sub(r' \([\w.$]+\)$', '', line)
