#!/usr/bin/env bash
# Checks what no compiler does: file length, unfinished code, links between documents, migrations named alike on both engines.
# Prints a line for each finding and fails if there is one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

findings=0
finding() {
  echo "FOUND $1"
  findings=$((findings + 1))
}

# files PATTERN…: tracked files and new ones that git does not ignore.
files() {
  local file
  git -c core.quotePath=false ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r file; do
    case $file in */vendor/* | */vendored/* | */generated/*) continue ;; esac
    if [[ -f $file ]]; then printf '%s\n' "$file"; fi
  done
}

check_rust() {
  local file lines
  while read -r file; do
    lines=$(wc -l <"$file")
    if ((lines > 500)) && ! head -n 5 "$file" | grep -q '@generated'; then
      finding "$file: $((lines)) lines; more than 500 want splitting"
    fi
    while read -r line; do
      finding "$file:${line%%:*}: unfinished code: ${line#*:}"
    done < <(grep -nE '\b(todo|unimplemented)!\(' "$file" || true)
  done < <(files '*.rs')
}

# link_targets FILE: what its links point to, inline and by reference, outside code.
link_targets() {
  awk '/^ *(```|~~~)/ { code = !code; next } !code { gsub(/`[^`]*`/, "code"); print }' "$1" |
    grep -oE '\]\([^) ]+|^ {0,3}\[[^]]+\]: *[^ ]+' | sed -E 's/^\]\(//; s/^ *\[[^]]+\]: *//; s/^<//; s/>$//' || true
}

check_links() {
  local document target path
  while read -r document; do
    while read -r target; do
      path=${target%%#*}
      case $path in
        '' | *://* | mailto:*) continue ;;
        /*) path=${path#/} ;;
        *) path=$(dirname "$document")/$path ;;
      esac
      [[ -e $path ]] || finding "$document: the link $target points to nothing"
    done < <(link_targets "$document")
  done < <(files '*.md')
}

check_migrations() {
  local folder difference
  while read -r folder; do
    difference=$(diff <(files "$folder/sqlite/*" | sed 's|.*/||') <(files "$folder/postgres/*" | sed 's|.*/||') || true)
    [[ -z $difference ]] || while read -r line; do
      case $line in
        '<'*) finding "$folder: ${line#< } exists for sqlite only" ;;
        '>'*) finding "$folder: ${line#> } exists for postgres only" ;;
      esac
    done <<<"$difference"
  done < <(files '*.sql' | sed -nE 's#^((.*/)?migrations)/(sqlite|postgres)/[^/]+$#\1#p' | sort -u)
}

check_rust
check_links
check_migrations
if ((findings > 0)); then
  echo "repository: $findings to mend"
  exit 1
fi
echo "repository: $(files '*.rs' | wc -l) Rust files, $(files '*.md' | wc -l) documents, $(files '*/migrations/*.sql' | wc -l) migrations, nothing to mend"
