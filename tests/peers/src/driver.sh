# clang's driver, but for jobs with an index: those are thinfarm's. `clang` and `thinfarm` come before this text.
backend=
for word; do
  case $word in
  -fthinlto-index=*) backend=yes ;;
  # What is not the driver, or runs nothing.
  -cc1 | '-###') exec "$clang" "$@" ;;
  @*) grep -q -e '-###' "${word#@}" && exec "$clang" "$@" ;;
  esac
done
[ -z "$backend" ] || exec "$thinfarm" cc "$@"
exec "$clang" "$@"
