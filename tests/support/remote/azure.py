"""Makes a container: the one request that the tests of Azure send themselves. Endpoint, account, key and name as arguments."""

import base64
import datetime
import hashlib
import hmac
import sys
import urllib.request

endpoint, account, key, container = sys.argv[1:]
now = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
version = "2021-08-06"
# https://learn.microsoft.com/en-us/rest/api/storageservices/authorize-with-shared-key
path = f"/{account}/{account}/{container}"
signed = "PUT" + "\n" * 12 + f"x-ms-date:{now}\nx-ms-version:{version}\n{path}\nrestype:container"
signature = base64.b64encode(hmac.new(base64.b64decode(key), signed.encode(), hashlib.sha256).digest()).decode()
headers = {
    "x-ms-date": now,
    "x-ms-version": version,
    "Authorization": f"SharedKey {account}:{signature}",
    "Content-Length": "0",
}
request = urllib.request.Request(f"{endpoint}/{container}?restype=container", method="PUT", headers=headers)
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30)
