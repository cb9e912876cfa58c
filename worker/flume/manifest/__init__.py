"""The Pipeline manifest: its model, its reader, and what it says about mistakes.

- ``spec``, ``live``, ``pod``, ``operations``, ``resource``: the fields, as frozen models;
- ``fields``, ``patterns``, ``model``, ``checks``: what kinds of field and rules there are;
- ``reading``, ``loading``: from YAML to models;
- ``problem``, ``explain``, ``suggest``: what is wrong, in sentences;
- ``outline``, ``describe``, ``reference``: all fields, as docs/reference/pipeline.md shows them;
- ``schema``, ``status``, ``crd``: the same for the API server, with what the operator reports.

The only part of Flume that imports pydantic, so it is imported only where a manifest is read.
"""

from flume.errors import ManifestError
from flume.manifest.loading import check, load
from flume.manifest.resource import Manifest
from flume.manifest.spec import PipelineSpec

__all__ = ["Manifest", "ManifestError", "PipelineSpec", "check", "load"]
