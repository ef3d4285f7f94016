"""`stca export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from stca.cli.parsing import MODEL_HELP, Verbs, add_verb, positive


def add_verbs(verbs: Verbs) -> None:
    """Add the command."""
    export = add_verb(verbs, "export", _export, help="export a network to ONNX or OpenVINO")
    export.add_argument("model", help=MODEL_HELP)
    export.add_argument(
        "--out", type=Path, required=True, metavar="FILE.onnx", help="output file; FILE.xml for OpenVINO"
    )
    export.add_argument(
        "--clip-len", type=positive, metavar="T", help="frames per clip; default: the model's"
    )
    export.add_argument(
        "--neck", choices=("after", "before"), default="after", help="embedding after or before the BN neck"
    )


def _export(args: argparse.Namespace) -> None:
    from stca.export import export_model
    from stca.runs import open_model

    print(export_model(open_model(args.model), args.out, clip_len=args.clip_len, neck=args.neck))
