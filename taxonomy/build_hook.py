"""Makes taxonomy/index.json whenever the package is built, also for an editable install."""

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileKnowledge(BuildHookInterface[Any]):
    """Compiles the YAML; a mistake in it stops the build with file:line."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the index before files are collected."""
        sys.path.insert(0, self.root)
        try:
            from taxonomy.knowledge import write_index

            write_index()
        finally:
            sys.path.remove(self.root)
