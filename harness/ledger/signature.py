"""signature.json: the organiser's ed25519 signature over campaign.yaml and all records of a ledger.

A record holds the hashes of its trial's rows, spec, source and weights, so one signature covers the campaign, and the key is needed on the
organiser's machine alone. Keys are OpenSSH's; fingerprints are those of `ssh-keygen -l`.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.files import file_sha256
from harness.errors import UserError
from harness.ledger.paths import CAMPAIGN, SIGNATURE
from harness.ledger.reading import read_json, write_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PURPOSE = b"finishline ledger\0"
"""Goes before what is signed: the same key may sign other things, too."""
KIND = "ssh-ed25519"
MAX_NAMED = 5


@dataclass(frozen=True)
class Contents:
    """What a signature covers: the sha256 of campaign.yaml (None: there is none) and of each record.json, by the trial's path."""

    campaign_sha256: str | None
    records: Mapping[str, str]

    @property
    def digest(self) -> str:
        """One sha256 over all of it: what is signed, and what a board was made from."""
        return hashlib.sha256(json.dumps([self.campaign_sha256, sorted(self.records.items())]).encode()).hexdigest()

    def since(self, signed: "Contents", asked_for: Callable[[str], bool]) -> Iterator[str]:
        """Yields in words what was changed since this was signed, among the trials that were `asked_for`."""
        if self.campaign_sha256 != signed.campaign_sha256:
            yield f"{CAMPAIGN} was changed"
        ours, theirs = ({path for path in contents.records if asked_for(path)} for contents in (self, signed))
        changed = {path for path in ours & theirs if self.records[path] != signed.records[path]}
        for what, paths in (("changed", changed), ("removed", theirs - ours), ("added", ours - theirs)):
            if paths:
                yield f"{some(paths, 'record was', 'records were')} {what}: {named(paths)}"


@dataclass(frozen=True)
class Signature:
    """What was signed, by which key (`ssh-ed25519 AAAA...`), and the signature in base64."""

    contents: Contents
    public_key: str
    signature: str

    @property
    def fingerprint(self) -> str:
        """The key's, as `SHA256:...`."""
        return fingerprint(self.public_key)

    def holds(self) -> bool:
        """Whether it is the signature of its key over its contents."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_ssh_public_key

        key = load_ssh_public_key(self.public_key.encode())
        assert isinstance(key, Ed25519PublicKey)
        try:
            key.verify(base64.b64decode(self.signature), PURPOSE + self.contents.digest.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Standing:
    """What can be said of a ledger's signature: the signer's fingerprint ("": not signed), the digest, and what speaks against it."""

    signer: str
    digest: str
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.problems:
            return f"SIGNATURE BROKEN: {'; '.join(self.problems)}"
        return f"signed by {self.signer}" if self.signer else "not signed"


def standing(ledger: Path, now: Contents, asked_for: Callable[[str], bool] = lambda path: True) -> Standing:
    """Returns how a ledger's signature stands to what is in it now; needs no key but the one that the signature names."""
    try:
        signature = read_signature(ledger)
    except UserError as error:
        return Standing("", now.digest, (str(error),))
    if signature is None:
        return Standing("", now.digest)
    problems = tuple(now.since(signature.contents, asked_for))
    if not signature.holds():
        problems = (f"{SIGNATURE} is not what {signature.fingerprint} signed", *problems)
    return Standing(signature.fingerprint, now.digest if problems else signature.contents.digest, problems)


def contents_of(ledger: Path, records: Mapping[str, str]) -> Contents:
    """Returns what can be signed in a ledger, given the sha256 of its records."""
    plan = ledger / CAMPAIGN
    return Contents(campaign_sha256=file_sha256(plan) if plan.exists() else None, records=records)


def sign(contents: Contents, key: "Ed25519PrivateKey") -> Signature:
    """Signs."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    signature = base64.b64encode(key.sign(PURPOSE + contents.digest.encode())).decode()
    return Signature(contents=contents, public_key=public, signature=signature)


@dataclass(frozen=True, kw_only=True)
class _File:
    """The content of signature.json."""

    digest: str
    public_key: str
    signature: str
    campaign_sha256: str | None
    records: Mapping[str, str]


def write_signature(ledger: Path, signature: Signature) -> None:
    """Writes signature.json, whole or not at all."""
    contents = signature.contents
    content = _File(
        digest=contents.digest,
        public_key=signature.public_key,
        signature=signature.signature,
        campaign_sha256=contents.campaign_sha256,
        records=dict(sorted(contents.records.items())),
    )
    write_json(ledger / SIGNATURE, content)


def read_signature(ledger: Path) -> Signature | None:
    """Returns a ledger's signature, or None where there is none; whether it holds is another question.

    Raises:
        UserError: the file is damaged, contradicts itself, or is of another schema.
    """
    path = ledger / SIGNATURE
    content = read_json(path, _File)
    if content is None:
        return None
    contents = Contents(campaign_sha256=content.campaign_sha256, records=content.records)
    try:
        signature = Signature(contents=contents, public_key=_public_key(content.public_key), signature=content.signature)
        if content.digest != contents.digest:
            raise ValueError("its digest is not that of its records")
        base64.b64decode(content.signature, validate=True)
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): restore it, or sign again with again=true") from None
    return signature


def read_private_key(path: Path) -> "Ed25519PrivateKey":
    """Reads an OpenSSH ed25519 key.

    Raises:
        UserError: it cannot be read, is no such key, or asks for a passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    advice = "make one with: ssh-keygen -t ed25519 -N '' -f organiser"
    try:
        key = load_ssh_private_key(path.expanduser().read_bytes(), password=None)
    except OSError as error:
        raise UserError(f"key={path} cannot be read ({error.strerror}); {advice}") from None
    except TypeError:
        raise UserError(f"key={path} is locked by a passphrase: give a key without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(f"key={path} is not a private OpenSSH key; {advice}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"key={path} is of another kind than ed25519; {advice}")
    return key


def read_public_key(path: Path) -> str:
    """Reads an OpenSSH public key (a .pub file) and returns it without its comment.

    Raises:
        UserError: it cannot be read, or is no public ed25519 key.
    """
    try:
        return _public_key(path.expanduser().read_text())
    except OSError as error:
        raise UserError(f"key={path} cannot be read ({error.strerror})") from None
    except ValueError:
        raise UserError(f"key={path} is not a public OpenSSH key of kind ed25519: give the .pub file of the organiser") from None


def fingerprint(public_key: str) -> str:
    """Returns a public key's fingerprint, as `ssh-keygen -l` prints it."""
    blob = base64.b64decode(public_key.split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def some(things: set[str], one: str, several: str) -> str:
    """Returns a count in words: `1 record was`, `2 records were`."""
    return f"{len(things)} {one if len(things) == 1 else several}"


def named(things: set[str], most: int = MAX_NAMED) -> str:
    """Returns the first few names, and how many more there are."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(sorted(things)[:most]) + more


def _public_key(text: str) -> str:
    kind, blob = text.split()[:2]
    try:
        raw = base64.b64decode(blob, validate=True)
    except binascii.Error as error:
        raise ValueError("the public key is damaged") from error
    if kind != KIND or len(raw) != 51 or raw[:19] != b"\0\0\0\x0bssh-ed25519\0\0\0 ":
        raise ValueError(f"the public key is not of kind {KIND}")
    return f"{kind} {blob}"
