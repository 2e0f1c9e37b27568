"""The typed declaration of a ServiceInstance."""

from estate.model.network import *  # noqa: F403
