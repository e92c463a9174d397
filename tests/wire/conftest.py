"""What tests of the wire share."""

from openpi_package import openpi_folder, openpi_packing

__all__ = ["openpi_folder", "openpi_packing"]
