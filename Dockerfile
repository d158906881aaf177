# The image in three stages: deps → model → runtime. Only /app reaches the last one, so neither Poetry, nor a
# compiler, nor torch can.
#
#   docker build -t lightsleeper .                                            the bundle that ships with the package
#   docker build -t lightsleeper --build-arg MODEL=<hub id> --build-arg MODEL_REVISION=<commit> .
#
# The base is pinned by digest. For a base of your own: --build-arg PYTHON_IMAGE=… --build-arg PYTHON_DIGEST=
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm
ARG PYTHON_DIGEST=@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b


FROM ${PYTHON_IMAGE}${PYTHON_DIGEST} AS deps
WORKDIR /build
COPY .ci/poetry.txt ./
RUN python3 -m pip install --no-cache-dir --quiet --require-hashes --target /poetry --requirement poetry.txt
COPY pyproject.toml poetry.lock ./
# The lock, less what serving never imports: the tokenizer and the engine need most of these for their downloaders and
# graph tools (sympy alone is 80 MB), uvicorn h11 for a parser that is not ours, `lightsleeper plan` pyyaml for
# manifests, of which there are none in a pod. The test of this image answers requests without them.
RUN PYTHONPATH=/poetry python3 -m poetry export --only main --output lock.txt \
    && python3 -c 'import re; \
unused = "filelock|flatbuffers|fsspec|h11|hf-xet|httpcore2|httpx2|huggingface-hub|mpmath|pyyaml|sympy|truststore"; \
pins = re.split(r"\n(?=\S)", open("lock.txt").read()); \
print(*(pin for pin in pins if not re.match(f"(?:{unused})==", pin)), sep="\n")' > requirements.txt \
    && python3 -m pip install --no-cache-dir --quiet --no-deps --require-hashes --target /app -r requirements.txt
# Weight that no import touches: the library for C programs beside the extension module that holds it all again
# (35 MB), graph tools, tests, type stubs and sources. Each package keeps its metadata, for whoever lists them.
# FastAPI would import pydantic's old version (6 % of its own import) to ask whether our models are of it, and takes
# its absence for a no.
RUN rm -rf /app/bin /app/*.md /app/pydantic/v1 /app/onnxruntime/capi/libonnxruntime.so* \
        /app/onnxruntime/backend /app/onnxruntime/datasets /app/onnxruntime/quantization /app/onnxruntime/tools \
        /app/onnxruntime/transformers /app/numpy/distutils /app/numpy/f2py \
    && find /app -depth \( -name tests -o -name '*.py[ix]' -o -name '*.pxd' -o -name '*.[ch]' -o -name '*.lib' \) \
        -exec rm -rf {} +


FROM deps AS model
ARG MODEL=embedded
# A commit, for a model of the hub: what a branch names today, another build would not get.
ARG MODEL_REVISION=
# A mirror of the hub, where there is one.
ARG HF_ENDPOINT=https://huggingface.co
# A folder or a page with wheels of torch for CPUs: the default index has one with 4.4 GB of CUDA beside it.
ARG PIP_FIND_LINKS=
COPY README.md LICENSE ./
COPY src src
RUN PYTHONPATH=/poetry python3 -m pip install --no-cache-dir --quiet --no-deps --no-build-isolation --target /app .
# torch by version and not with all that the lock names beside it, which is CUDA; gone again before the layer is kept.
RUN if [ "${MODEL}" != embedded ]; then \
        case "${MODEL_REVISION}" in \
            *[!0-9a-f]*|"") echo "name the commit of ${MODEL}: --build-arg MODEL_REVISION=<commit>" >&2; exit 1 ;; \
        esac \
        && \
        PYTHONPATH=/poetry python3 -m poetry export --with torch --without-hashes --output constraints.txt \
        && PYTHONPATH=/poetry python3 -m pip install --no-cache-dir --quiet --no-build-isolation --target /torch \
            --constraint constraints.txt . torch transformers safetensors onnx onnxscript sentencepiece \
        && rm -r /app/lightsleeper/embedded \
        && PYTHONPATH=/torch python3 -m lightsleeper prepare \
            --model "${MODEL}" --revision "${MODEL_REVISION}" --out /app/lightsleeper/embedded \
        && rm -r /torch; \
    fi
# Compiling at start costs 1.4 s; so does checking every source file's date again, a little.
RUN rm -rf /app/bin && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /app


FROM ${PYTHON_IMAGE}${PYTHON_DIGEST} AS runtime
# The official base ships its standard library without bytecode.
RUN python3 -c 'import compileall, re, sysconfig; compileall.compile_dir(sysconfig.get_path("stdlib"), quiet=2, \
rx=re.compile("/(dist-packages|ensurepip|idlelib|lib2to3|site-packages|test|tests|tkinter|turtledemo)/"))'
COPY --from=model /app /app
ENV PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG MODEL=embedded
LABEL org.opencontainers.image.title="lightsleeper" \
      org.opencontainers.image.description="A sentiment API that sleeps at zero and answers half a second after its process starts." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      ai.lightsleeper.model="${MODEL}"
# A number, so that the kubelet can tell that it is not root (runAsNonRoot).
USER 65532:65532
EXPOSE 8080
# No shell between: the process is PID 1 and gets SIGTERM itself.
ENTRYPOINT ["python3", "-m", "lightsleeper"]
CMD ["serve"]
