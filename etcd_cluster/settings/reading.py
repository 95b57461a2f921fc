"""Reading the files that settings name, with every failure in words."""

from pathlib import Path

from etcd_cluster.settings.problems import Path as Key
from etcd_cluster.settings.problems import SettingProblem, display_value, invalid, problem

LARGEST = 1 << 20  # bytes; keys, certificates and lists of them are far smaller


class Reader:
    """Reads files relative to a folder and collects what is wrong with them."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.problems: list[SettingProblem] = []

    def report(self, problem: SettingProblem) -> None:
        """Add a problem."""
        self.problems.append(problem)

    def located(self, path: Path) -> Path:
        """Return the absolute path of a file named in the settings."""
        try:
            return self.base / path.expanduser()
        except RuntimeError:  # ~ of an account that does not exist
            return self.base / path

    def text(self, key: Key, path: Path, what: str) -> str | None:
        """Return the content of a file that holds `what`, or None after reporting why not."""
        located = self.located(path)
        try:
            with located.open("rb") as file:
                content = file.read(LARGEST + 1)
            if len(content) <= LARGEST:
                return content.decode()
            why = f"{display_value(key, str(located))} has more than {LARGEST} bytes."
        except OSError as error:
            why = f"{display_value(key, str(located))} cannot be read: {error.strerror}."
        except UnicodeDecodeError:
            why = f"{display_value(key, str(located))} is not a text file."
        self.report(
            invalid(
                key, display_value(key, str(path)), f"a readable file with {what}", why, "Correct the path or the file."
            )
        )
        return None

    def one_of(
        self, key: Key, text: str | None, path: Path | None, name: str, what: str, file_name: str = ""
    ) -> str | None:
        """Return the text set directly as `name` or in a file; both is a problem."""
        file_name = file_name or f"{name}_file"
        if text is not None and path is not None:
            self.report(problem((*key, name), f"cannot be set together with {file_name}", action="Remove one of them."))
            return None
        if path is not None:
            return self.text((*key, file_name), path, what)
        return text
