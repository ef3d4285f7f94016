"""Access tokens: shown once when they are made, kept as hashes."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from stca.errors import ConfigError
from stca.tools.files import write_text

Role = Literal["viewer", "editor"]
ROLES: tuple[Role, ...] = ("viewer", "editor")
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept.

    Args:
        name: of its owner.
        role: viewers search; editors also correct, upload and delete.
        digest: SHA-256 of the token, in hexadecimal. It has 256 random bits, so no slow hash is needed.
        created: POSIX seconds.

    """

    name: str
    role: Role
    digest: str
    created: float


@dataclass(frozen=True, slots=True)
class User:
    """Who sent a request."""

    name: str
    role: Role


class Tokens:
    """The tokens in a file; changes made by another process count at once.

    Args:
        path: of the file; it need not exist.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    def create(self, name: str, role: Role) -> str:
        """Make a token; it is returned here and nowhere else.

        Raises:
            ConfigError: a name that is in use, empty, or too long.

        """
        if not (name.isprintable() and len(name.strip()) >= 1 and len(name) <= _LONGEST):
            raise ConfigError(
                "A token needs the name of its owner", expected=f"1 to {_LONGEST} letters", found=repr(name)
            )
        if role not in ROLES:
            raise ConfigError("Unknown role", expected=" or ".join(ROLES), found=role)
        tokens = self.all()
        if any(token.name == name for token in tokens):
            raise ConfigError(
                "There is a token of this name", found=name, hint="--revoke-token NAME removes it"
            )
        secret = secrets.token_urlsafe(32)
        self._write((*tokens, Token(name, role, _digest(secret), time.time())))
        return secret

    def revoke(self, name: str) -> None:
        """Remove a token.

        Raises:
            ConfigError: there is none of this name.

        """
        tokens = self.all()
        if not any(token.name == name for token in tokens):
            raise ConfigError(
                "There is no token of this name",
                expected=", ".join(token.name for token in tokens) or "none was made yet",
                found=name,
            )
        self._write(tuple(token for token in tokens if token.name != name))

    def all(self) -> tuple[Token, ...]:
        """Every token.

        Raises:
            ConfigError: the file is damaged; nobody is let in by it.

        """
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._tokens = None, ()
            return ()
        except OSError as error:
            raise ConfigError(
                "The file of tokens cannot be read",
                found=error.strerror,
                where=self._path,
                hint="check who may read it",
            ) from error
        if (stamp := (stat.st_mtime_ns, stat.st_ino)) != self._stamp:
            self._tokens, self._stamp = self._read(), stamp
        return self._tokens

    def user(self, secret: str) -> User | None:
        """Whose token it is; None for an unknown one."""
        digest = _digest(secret)
        found = None
        for token in self.all():
            if hmac.compare_digest(token.digest, digest):
                found = User(token.name, token.role)
        return found

    def _read(self) -> tuple[Token, ...]:
        try:
            entries = json.loads(self._path.read_text(encoding="utf-8"))["tokens"]
            tokens = tuple(Token(**entry) for entry in entries)
            if not all(map(_is_token, tokens)):
                raise ValueError("an entry that is no token")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(
                "The file of tokens is damaged",
                found=error,
                where=self._path,
                hint="remove it, and make new ones",
            ) from error
        return tokens

    def _write(self, tokens: tuple[Token, ...]) -> None:
        write_text(self._path, json.dumps({"tokens": [asdict(token) for token in tokens]}, indent=1) + "\n")
        self._path.chmod(0o600)


def _is_token(token: Token) -> bool:
    """Whether what was read from the file has the types and values of a token."""
    return (
        isinstance(token.name, str)
        and token.role in ROLES
        and isinstance(token.digest, str)
        and re.fullmatch(r"[0-9a-f]{64}", token.digest) is not None
        and type(token.created) in (int, float)
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
