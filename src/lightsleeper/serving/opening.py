"""The model that the settings name. Apart from `lifespan`: `server` opens it while the rest is still imported."""

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import EMBEDDED, open_bundle
from lightsleeper.model.model import Model, load_model
from lightsleeper.serving.settings import Settings


def open_model(settings: Settings) -> Model:
    """Load and warm up the configured bundle; BundleError if it cannot work.

    The digests of the embedded one, which came with this very code, are left to `require_embedded`.
    """
    folder, is_embedded = settings.bundle or EMBEDDED, not settings.bundle
    try:
        return load_model(folder, settings.engine, settings.torch_device, settings.torch_dtype, digests=not is_embedded)
    except BundleError as error:
        if is_embedded:
            raise
        raise BundleError(f"LIGHTSLEEPER_BUNDLE: {error.message}") from error


def require_embedded(settings: Settings) -> None:
    """BundleError unless the embedded bundle, where it is the one that serves, is what its manifest says."""
    if not settings.bundle:
        open_bundle(EMBEDDED)
