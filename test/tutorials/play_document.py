# SPDX-License-Identifier: Apache-2.0
"""play_document.py DOCUMENT FOLDER: does what a walk-through in Markdown says, block by block.

```sh            is run by bash, from the current folder, and has to succeed; "sh fails" has to fail
```text          behind it is what it prints, on both outputs: "…" in a line stands for anything, as a line for any lines
```LANGUAGE NAME is a file, which is put into FOLDER; other blocks are for reading only
"""
import pathlib
import re
import subprocess
import sys

SECONDS_MAX = 120
# A client that is quicker than the broker's start says so until it is there.
NOISE = re.compile(r'\[.*\] WARN .*(could not be established\. Node may not be available\.|rack: null\) disconnected) .*')


def blocks(document):
    """(line number, info string, text) of each fenced block."""
    info, lines = None, []
    for number, line in enumerate(document.splitlines(), 1):
        if info is None and line.startswith('```'):
            info, lines, begins = line[3:].strip(), [], number
        elif info is not None and line == '```':
            yield begins, info, '\n'.join(lines)
            info = None
        elif info is not None:
            lines.append(line)
    if info is not None:
        raise SystemExit(f'the block of line {begins} has no end')


def pattern(text):
    """What the document shows as a regular expression."""
    parts = []
    for line in text.split('\n'):
        parts.append('(?:.*\n)*' if line == '…' else '.*'.join(map(re.escape, line.split('…'))) + '\n')
    return re.compile(''.join(parts))


def run(number, script, fails):
    done = subprocess.run(['bash', '-eo', 'pipefail', '-c', script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=SECONDS_MAX, check=False)
    if (done.returncode != 0) != fails:
        raise SystemExit(f'line {number}: ended with {done.returncode}:\n{script}\n{done.stdout}')
    return ''.join(f'{line}\n' for line in done.stdout.splitlines() if not NOISE.fullmatch(line))


def main():
    document, folder = map(pathlib.Path, sys.argv[1:])
    output = None
    for number, info, text in blocks(document.read_text()):
        kind, _, rest = info.partition(' ')
        if kind == 'sh':
            print(f'line {number}: {text.splitlines()[0]}', flush=True)
            output = run(number, text, rest == 'fails')
        elif kind == 'text' and output is not None:
            if not pattern(text).fullmatch(output):
                raise SystemExit(f'line {number}: the document shows\n{text}\nbut there came\n{output}')
            output = None
        elif rest:
            (folder / rest).write_text(text + '\n')


if __name__ == '__main__':
    main()
