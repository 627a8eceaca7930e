#!/usr/bin/env bash
# Puts pictures of the dashboard into docs/pictures, from those that scripts/test-browser.sh left in target/browser:
# one of each view, cut to the height of a screen, with few colours, so that all of them are below a megabyte.
set -euo pipefail

cd "$(dirname "$0")/.."
command -v convert >/dev/null || { echo "there is no convert: install ImageMagick" >&2; exit 1; }

# cut VIEW SCHEME HEIGHT NAME
cut() {
    convert "target/browser/$1-$2.png" -crop "1280x$3+0+0" +repage -resize 960x -colors 64 -strip \
        -define png:compression-level=9 "PNG8:docs/pictures/$4.png"
}

mkdir -p docs/pictures
for view in jobs coverage job shard task cost compare trouble workers; do
    cut $view light 1100 $view
done
cut coverage dark 700 coverage-dark
