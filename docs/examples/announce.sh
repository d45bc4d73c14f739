#!/bin/sh
# A hook for `cutover.announce`, `cutover.release` and `cutover.finish`: one mail for each call, in the folder OUTBOX or beside
# this file, under the call's key, so that a call that is made again is no second mail.
set -eu
outbox=${OUTBOX:-$(dirname "$0")/outbox}
mkdir -p "$outbox"
call=$(cat)
field() { printf '%s' "$call" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
stage=$(field stage)
case $stage in
    cutover.announce) subject='Tables move now: please stop writing to them' ;;
    cutover.release) subject='Tables stay where they are: you may write again' ;;
    cutover.finish) subject='Tables have moved for good' ;;
    *) echo "this hook is not for $stage" >&2; exit 1 ;;
esac
{
    printf 'Subject: %s\n\n' "$subject"
    printf '%s' "$call" | tr '{' '\n' | sed -n 's/.*"source":"\([^"]*\)","target":"\([^"]*\)".*/\1 -> \2/p'
} > "$outbox/.new"
mv "$outbox/.new" "$outbox/$stage-$(field key).eml"
