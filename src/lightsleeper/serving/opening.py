"""The model that the settings name. Apart from `lifespan`: `server` opens it while the rest is still imported."""

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.model.model import Model, load_model
from lightsleeper.serving.settings import Settings


def open_model(settings: Settings) -> Model:
    """Load and warm up the configured bundle; BundleError if it cannot work."""
    try:
        return load_model(settings.bundle or EMBEDDED, settings.engine, settings.torch_device, settings.torch_dtype)
    except BundleError as error:
        if settings.bundle:
            raise BundleError(f"LIGHTSLEEPER_BUNDLE: {error.message}") from error
        raise
