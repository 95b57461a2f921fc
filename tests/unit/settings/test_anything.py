"""Whatever the settings are, they are loaded or refused in words."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from etcd_cluster.settings import KEYS, SettingsError, load
from etcd_cluster.settings.schema import known_names
from tests.unit.settings.settings_samples import raw

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
INNER = sorted({name for key in ("ssh", "paths", "ca", "binaries", "certificates") for name in known_names((key,))})
NAMES = st.sampled_from([*INNER, "client", "peer", "admin", "a", "heartbeat-interval", "election-timeout"]) | st.text()
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


@given(settings=st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(max_size=10), ANYTHING, max_size=6))
def test_any_settings_are_loaded_or_refused_in_words(settings: dict[str, Any]) -> None:
    try:
        load(raw(**settings))
    except SettingsError as error:
        assert error.problems
        assert len(str(error).split("\n")) == len(error.problems)
