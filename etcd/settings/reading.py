"""Reading the files that settings name, with every failure in words."""

from pathlib import Path

from etcd.settings.problems import Path as Key
from etcd.settings.problems import Problem, shown

LARGEST = 1 << 20  # bytes; keys, certificates and lists of them are far smaller


class Reader:
    """Reads files relative to a folder and collects what is wrong with them."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.problems: list[Problem] = []

    def refuse(
        self, key: Key, got: str, allowed: str, why: str = "", do: str = "", involves: tuple[Key, ...] = ()
    ) -> None:
        """Note a problem."""
        self.problems.append(Problem(key, got, allowed, why, do, involves))

    def located(self, path: Path) -> Path:
        """Return the absolute path of a file named in the settings."""
        try:
            return self.base / path.expanduser()
        except RuntimeError:  # ~ of an account that does not exist
            return self.base / path

    def text(self, key: Key, path: Path, what: str) -> str | None:
        """Return the content of a file that holds `what`, or None after noting why not."""
        located = self.located(path)
        try:
            with located.open("rb") as file:
                content = file.read(LARGEST + 1)
            if len(content) <= LARGEST:
                return content.decode()
            why = f"{shown(key, str(located))} has more than {LARGEST} bytes."
        except OSError as error:
            why = f"{shown(key, str(located))} cannot be read: {error.strerror}."
        except UnicodeDecodeError:
            why = f"{shown(key, str(located))} is not a text file."
        self.refuse(key, shown(key, str(path)), f"a readable file with {what}", why, "Correct the path or the file.")
        return None

    def one_of(
        self, key: Key, text: str | None, path: Path | None, name: str, what: str, file_name: str = ""
    ) -> str | None:
        """Return the text given directly as `name` or in a file; both is a problem."""
        file_name = file_name or f"{name}_file"
        if text is not None and path is not None:
            self.refuse((*key, name), "this and a file", f"one of {name} and {file_name}", do="Remove one of them.")
            return None
        if path is not None:
            return self.text((*key, file_name), path, what)
        return text
