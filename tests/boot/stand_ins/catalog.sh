#!/bin/sh
# The catalog, like the real one: writes what is different from team to team into a script, in quotes, and serves the site.
cat >/home/catalog/config.js <<END
window.__CONFIG = { api: '$REGISTRY_URL', team: { id: '$TEAM_ID', name: '$TEAM_NAME' } };
END
exec nginx -c /stand-ins/catalog.conf -g "daemon off;"
