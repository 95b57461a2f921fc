"""How systemd reads an EnvironmentFile= (systemd.exec(5) and src/basic/env-file.c), for the form the program writes."""

_ESCAPABLE = '"\\`$'


def read(text: str) -> dict[str, str]:
    """Return the variables of a file whose values are all in double quotes; anything else is an error."""
    variables: dict[str, str] = {}
    position = 0
    while position < len(text):
        name, separator, _ = text[position:].partition('="')
        assert separator and name.isidentifier(), f"no assignment at {text[position:][:40]!r}"
        position += len(name) + 2
        value = ""
        while text[position] != '"':
            if text[position] == "\\":
                position += 1
                # An escaped newline is a continuation; before any other character the backslash stands for itself.
                if text[position] not in _ESCAPABLE:
                    value += "" if text[position] == "\n" else "\\"
                if text[position] == "\n":
                    position += 1
                    continue
            value += text[position]
            position += 1
        assert text[position + 1] == "\n", "a value ends its line"
        position += 2
        variables[name] = value
    return variables
