"""What the sweep takes away here, and the columns that a new master key must reach."""

from typing import TYPE_CHECKING

from identitypools.models import IssuerKey
from userpools import sweep
from userpools.sealing import Purpose
from userpools.services import rekey
from userpools.services.rekey import Column

if TYPE_CHECKING:
    from django.db.models import Model


def _bound(row: "Model") -> str:
    assert isinstance(row, IssuerKey)  # noqa: S101
    return row.sealing_context


rekey.register(Column(IssuerKey, "private_sealed", Purpose.SIGNING_KEY, _bound))
sweep.register_rows(
    "issuer_keys", lambda now: IssuerKey.objects.filter(is_active=False, retire_at__lte=now)
)
