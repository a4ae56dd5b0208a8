"""What a check finds: one line for the person who wrote the submission."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """Something in a submission: `error` breaks a rule, `look` is for a reader to judge.

    `advice` says why it matters or what to do; `line` is 0 where there is none.
    """

    level: Level
    file: str
    line: int
    what: str
    advice: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{self.level:5}  {place}: {self.what} -- {self.advice}"
