import json
import ssl
from websockets.sync.client import connect

ssl_context = ssl.create_default_context()
ssl_context.check_hostname = False
ssl_context.verify_mode = ssl.CERT_NONE

with connect("wss://localhost:5104", ssl=ssl_context) as websocket:
    # Login first
    login_request = {
        "action": "login",
        "data": {
            "username": "admin",
            "password": "your_password"
        }
    }
    websocket.send(json.dumps(login_request))
    login_response = json.loads(websocket.recv())
    token = login_response["data"]["token"]
    
    # Generate backup
    backup_request = {
        "action": "generate_backup",
        "data": {
            "backup_name": "my_backup"
        },
        "username": "admin",
        "token": token
    }
    websocket.send(json.dumps(backup_request))
    backup_response = json.loads(websocket.recv())
    
    print(f"Backup created at: {backup_response['data']['archive_path']}")
