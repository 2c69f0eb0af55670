# Read by the scripts beside it: which program makes and runs containers, and how it is called here.
# ENGINE (docker or buildah; the first that is there), STORE (a folder for buildah's images, else its own).
engine=${ENGINE:-}
if [ -z "$engine" ]; then
  if command -v docker > /dev/null && docker info > /dev/null 2>&1; then engine=docker; else engine=buildah; fi
fi
command -v "$engine" > /dev/null || {
  printf 'image: neither docker nor buildah is here: run `third_party/setup.sh --image` first\n' >&2
  exit 1
}
buildah=(buildah)
[ -n "${STORE:-}" ] && buildah+=(--root "$STORE/images" --runroot "$STORE/run")
# Namespaces of its own need more privileges than a container or a chroot has.
readonly isolation=${BUILDAH_ISOLATION:-chroot}
