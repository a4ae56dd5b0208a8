"""The declared fields of a YAML file, checked: what is wrong is told with file, line, key and the nearest valid name."""

from collections.abc import Mapping
from typing import Any

from harness.errors import UserError, suggest
from harness.project.yaml_file import YamlFile
from harness.values.declare import declared
from harness.values.kinds import Kind, Wrong


class Fields(Kind):
    """A table with the declared fields of a dataclass; `partial`: some may be missing."""

    words = "a table of fields"
    sample = "{KEY: VALUE}"

    def __init__(self, record: type, partial: bool = False) -> None:
        self.record, self.partial = record, partial

    def read(self, text: str) -> Any:
        """Refuses: a table is given key by key."""
        raise self.refusal(text, "; write a value with its key, NAME.KEY=VALUE")

    def check(self, value: Any) -> dict[str, Any]:
        """Returns the fields by name; raises Wrong with the place of what is wrong."""
        known = declared(self.record)
        if not isinstance(value, Mapping):
            raise self.refusal(value)
        for key in value:
            if key not in known:
                raise Wrong(f"has no field '{key}'{suggest(str(key), known)}", str(key))
        found: dict[str, Any] = {}
        for name, option in known.items():
            if name not in value or value[name] == "???":
                if option.required and not self.partial:
                    raise Wrong(f"has no '{name}', which is needed: {option.kind.words}")
                continue
            if value[name] is None and option.optional:
                found[name] = None
                continue
            try:
                found[name] = option.kind.check(value[name])
            except Wrong as error:
                raise Wrong(str(error), name, *error.place) from None
        return found

    def at(self, key: str, *rest: str) -> Kind:
        """Returns the kind of a field."""
        known = declared(self.record)
        if key not in known:
            raise Wrong(f"has no field '{key}'{suggest(key, known) or '; it has none'}")
        return known[key].kind.at(*rest) if rest else known[key].kind


def checked(record: type, file: YamlFile, content: Any = None, what: str = "") -> dict[str, Any]:
    """Returns the fields of a dataclass that a file gives.

    Args:
        record: the dataclass.
        file: where values stand.
        content: what the file says once it is composed; by default the file alone.
        what: how to call the file's content in a message: "the workload".

    Raises:
        UserError: an unknown or missing field, or a value that is not of its kind.
    """
    try:
        return Fields(record).check(file.content if content is None else content)
    except Wrong as error:
        named = [str(part) for part in error.place if isinstance(part, str)]
        unknown = str(error).startswith("has no field")
        subject = ".".join(named[:-1] if unknown else named) or what or "the file"
        raise UserError(f"{file.at(*error.place)}: {subject} {error}") from None
