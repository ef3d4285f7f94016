"""`stca serve | audit`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stca.cli.parsing import Verbs, add_verb, gallery_folder, gallery_place, natural, seconds


def add_verbs(verbs: Verbs) -> None:
    """Add `serve` and `audit`."""
    serve = add_verb(
        verbs, "serve", _serve, help="a page to find people in a gallery, and to correct who is who"
    )
    serve.add_argument("gallery", type=gallery_place, nargs="?", help="its folder or milvus:// address")
    serve.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="for the server's own files; default: in the gallery's",
    )
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; others than this machine need a token"
    )
    serve.add_argument("--port", type=natural, default=8000, help="port to listen on; 0 takes a free one")
    serve.add_argument(
        "--videos",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder whose videos may be shown and added from the page; may be repeated",
    )
    serve.add_argument("--model", help="the gallery's model, where it is no longer where it was")
    serve.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="further host name under which browsers reach the server; may be repeated",
    )
    serve.add_argument("--https", action="store_true", help="browsers reach it over https, through a proxy")
    serve.add_argument("--open", action="store_true", help="open the page in the browser")
    instead = serve.add_argument_group("instead of serving").add_mutually_exclusive_group()
    instead.add_argument("--new-token", metavar="NAME", help="make a token for somebody, and print it once")
    instead.add_argument("--revoke-token", metavar="NAME", help="make somebody's token invalid")
    instead.add_argument("--tokens", action="store_true", help="list whose tokens there are")
    instead.add_argument("--schema", action="store_true", help="print the OpenAPI document of the interface")
    serve.add_argument("--role", choices=("viewer", "editor"), default="viewer", help="of the new token")

    audit = add_verb(verbs, "audit", _audit, help="who searched a served gallery, for whom and when")
    audit.add_argument("gallery", type=gallery_folder, help="folder of the gallery")
    audit.add_argument("--who", metavar="NAME", help="only what this user did")
    audit.add_argument("--since", type=seconds, metavar="TIME", help="only from this date and time on")
    audit.add_argument("--json", action="store_true", help="print JSON lines")


def _serve(given: argparse.Namespace) -> None:
    from stca.errors import ConfigError

    _import_web()
    if given.schema:
        from stca.web.app import schema

        print(json.dumps(schema(), indent=1))
        return
    if given.gallery is None:
        raise ConfigError("Which gallery?", expected="stca serve GALLERY", hint="`stca find` makes one")
    if given.new_token or given.revoke_token or given.tokens:
        _manage_tokens(given)
        return
    from stca.web import ServerSettings
    from stca.web.server import run_server

    settings = ServerSettings(
        gallery=given.gallery,
        videos=tuple(given.videos),
        host=given.host,
        port=given.port,
        names=tuple(given.name),
        https=given.https,
        model=given.model,
        state=given.state,
    )
    run_server(settings, started=_opener(given))


def _opener(given: argparse.Namespace):  # type: ignore[no-untyped-def]
    def started(address: str) -> None:
        print(f"open {address}   (Ctrl+C stops the server)", flush=True)
        if given.open:
            import webbrowser

            webbrowser.open(address)

    return started


def _import_web() -> None:
    from stca.errors import StcaError

    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise StcaError(
            "The server needs packages that are not installed",
            found=error,
            hint="pip install 'stca[web]'",
        ) from error


def _manage_tokens(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.web import ServerSettings
    from stca.web.access.tokens import Tokens

    with Gallery.open(given.gallery):
        pass
    folder = ServerSettings(given.gallery, state=given.state).folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tokens = Tokens(folder / "tokens.json")
    if given.new_token:
        print(tokens.create(given.new_token, given.role))
        print(f"a token of {given.new_token}, {given.role}; it is not shown again", file=sys.stderr)
    elif given.revoke_token:
        tokens.revoke(given.revoke_token)
        print(f"the token of {given.revoke_token} is no longer valid")
    else:
        for token in tokens.all():
            print(f"{token.name:<24} {token.role}")


def _audit(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.gallery.keeping.places import places_of
    from stca.gallery.times import format_time
    from stca.web.access.audit import AuditLog

    with Gallery.open(given.gallery) as gallery:
        logs = [AuditLog(folder / "audit.log") for folder in places_of(gallery, "server")]
    for entry in (entry for log in logs for entry in log.entries()):
        if given.who and entry.get("who") != given.who:
            continue
        if given.since is not None and entry.get("time", 0) < given.since:
            continue
        if given.json:
            print(json.dumps(entry, ensure_ascii=False))
            continue
        rest = {k: v for k, v in entry.items() if k not in ("time", "who", "role", "action")}
        words = ", ".join(f"{name}: {_plain(value)}" for name, value in rest.items())
        print(f"{format_time(entry['time'])}  {entry['who']:<16} {entry['action']}  {words}".rstrip())


def _plain(value: object) -> str:
    """A value of a log entry for people."""
    if isinstance(value, dict):
        return " ".join(f"{name} {_plain(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value)
