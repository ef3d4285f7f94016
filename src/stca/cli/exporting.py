"""`stca export | complexity`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from stca.cli.parsing import MODEL_HELP, Verbs, add_verb, positive, size


def add_verbs(verbs: Verbs) -> None:
    """Add the commands."""
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

    cost = add_verb(
        verbs, "complexity", _complexity, help="parameters and multiply-adds of a model, per part"
    )
    cost.add_argument("model", help="name of the model")
    cost.add_argument(
        "settings", nargs="*", metavar="key=value", help="options of the model, e.g. gate=conv3_x"
    )
    cost.add_argument("--size", type=size, metavar="HxW", help="frame size in pixels; default: the model's")
    cost.add_argument("--frames", type=positive, default=8, metavar="T", help="frames per clip")
    cost.add_argument("--num-ids", type=positive, default=625, help="number of identities in the classifier")
    cost.add_argument("--json", type=Path, metavar="FILE", help="also write the result to this file")


def _export(args: argparse.Namespace) -> None:
    from stca.export import export_model
    from stca.runs import open_model

    print(export_model(open_model(args.model), args.out, clip_len=args.clip_len, neck=args.neck))


def _complexity(args: argparse.Namespace) -> None:
    from stca.analysis import measure_complexity
    from stca.config import parse_assignments
    from stca.models import build_model
    from stca.tools.files import write_text

    options = parse_assignments(args.settings)
    if args.size:
        options["image_size"] = args.size
    model = build_model(args.model, num_ids=args.num_ids, options=options)
    complexity = measure_complexity(model, (1, args.frames, 3, *model.image_size))
    print(complexity.table())
    if args.json:
        write_text(args.json, json.dumps(complexity.json(), indent=1) + "\n")
