"""Writes the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from rest_framework.renderers import BaseRenderer

from userpools.awsjson.parsers import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping


class AwsJsonRenderer(BaseRenderer):
    """Renders `application/x-amz-json-1.1`; an operation without output answers `{}`."""

    media_type = MEDIA_TYPE
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Render JSON values; raises TypeError for anything else."""
        return orjson.dumps({} if data is None else data)
