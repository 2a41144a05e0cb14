"""The script format as JSON Schema, for editors. `python -m dialogs.script.schema` writes schema.json."""

import json
from pathlib import Path

from dialogs.script.format import Script

SCHEMA_FILE = Path(__file__).with_name("schema.json")


def schema_text() -> str:
    """What schema.json must hold."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Script.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
