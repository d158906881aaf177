"""The model that the settings name. Apart from `lifespan`: `server` opens it while the rest is still imported."""

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import EMBEDDED, open_bundle
from lightsleeper.model.model import Model, load_model
from lightsleeper.serving.settings import Settings


def open_model(settings: Settings, *, digests: bool = True) -> Model:
    """Load and warm up the configured bundle; BundleError if it cannot work.

    Without `digests`, those of the embedded one, which came with this very code, are left to `require_embedded`.
    """
    folder, digests = settings.bundle or EMBEDDED, digests or settings.bundle is not None
    try:
        return load_model(folder, settings.engine, settings.torch_device, settings.torch_dtype, digests=digests)
    except BundleError as error:
        if not settings.bundle:
            raise
        raise BundleError(f"LIGHTSLEEPER_BUNDLE: {error.message}") from error


def require_embedded(settings: Settings) -> None:
    """BundleError unless the embedded bundle, where it is the one that serves, is what its manifest says."""
    if not settings.bundle:
        open_bundle(EMBEDDED)
