"""Options are declared as annotated fields of a dataclass: type, kind, help line and default stand together.

    @dataclass(frozen=True)
    class RunOptions:
        '''One trial.'''

        seed: Annotated[int, Whole(0, MAX_SEED), "seed of the trial"] = 1

The fields of a YAML file are declared in the same way.
"""

from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from harness.values.kinds import Kind, YesNo


@dataclass(frozen=True)
class Positional:
    """Marks what is written without a name, such as a ledger's folder; `several`: one or more."""

    several: bool = False


class Switch(YesNo):
    """A Boolean that is written `--name`."""


class Given(Kind):
    """The names of the options that were written on the command line. It is filled in by the reader."""


class Group(Kind):
    """What is chosen by `name=CHOICE` from configs/<name>/ and changed by `name.key=value`, or is given by `name.key=value` alone."""

    from_configs = True


@dataclass(frozen=True)
class Option:
    """One declared field."""

    name: str
    kind: Kind
    help: str
    default: Any
    """MISSING where it has to be given."""
    positional: Positional | None
    optional: bool
    """Whether None (`null`) is a value."""

    @property
    def required(self) -> bool:
        """Whether it has to be given."""
        return self.default is MISSING


@cache
def declared(record: type) -> dict[str, Option]:
    """Returns the declared fields of a dataclass by name."""
    hints = get_type_hints(record, include_extras=True)
    found = {}
    for field in fields(record):
        hint = hints[field.name]
        if get_origin(hint) is not Annotated:
            continue
        kind_type, *extras = get_args(hint)
        kinds = [extra for extra in extras if isinstance(extra, Kind)]
        assert len(kinds) == 1, f"{record.__name__}.{field.name} must be declared with one kind"
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        found[field.name] = Option(
            name=field.name,
            kind=kinds[0],
            help=next((extra for extra in extras if isinstance(extra, str)), ""),
            default=default,
            positional=next((extra for extra in extras if isinstance(extra, Positional)), None),
            optional=type(None) in get_args(kind_type),
        )
    return found
