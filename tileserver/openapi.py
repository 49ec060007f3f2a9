"""stub"""

from typing import Any
from tileserver.links import Links


def description(links: Links) -> dict[str, Any]:
    """x"""
    return {}
