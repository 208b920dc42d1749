# help: names every command.
echo "commands:"
for file in "$here"/commands/*.sh; do
    sed -n '1s/^# /  /p' "$file"
done
