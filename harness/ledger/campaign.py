"""campaign.yaml, the plan on disk: read, and told whether somebody has edited it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import write_atomically
from harness.ledger import SCHEMA

FILE = "campaign.yaml"


def content_hash(content: Any) -> str:
    """Returns a hash of anything that JSON can hold, whatever the order of its fields."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def write_campaign(ledger: Path, content: Mapping[str, Any]) -> None:
    """Writes campaign.yaml with its schema and the hash of its content."""
    import yaml  # here, since the scorer must start fast

    whole = {"schema": SCHEMA, **content}
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump({**whole, "content_hash": content_hash(whole)}, Dumper=dumper, sort_keys=False, allow_unicode=True)
    write_atomically(ledger / FILE, text)


def read_campaign(ledger: Path) -> dict[str, Any] | None:
    """Returns the content of a ledger's campaign.yaml without its hash, or None where there is none.

    Raises:
        UserError: it is of another schema, was edited by hand, or is no such file.
    """
    import yaml

    path = ledger / FILE
    try:
        content: Any = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if content["schema"] != SCHEMA:
            raise UserError(f"{path}: schema {content['schema']}, but this finishline reads {SCHEMA}: use the version that wrote it")
        if content.pop("content_hash") != content_hash(content):
            raise UserError(f"{path} was changed by hand: put it back, or choose another out=")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UserError:
        raise
    except (yaml.YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is not a campaign's plan ({type(error).__name__}: {' '.join(str(error).split())})") from None
    return dict(content)
