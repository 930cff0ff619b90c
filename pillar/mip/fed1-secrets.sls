# What of the federation fed1 only the pusher may know: never give this file to a node in top.sls.
mip:
  federations:
    fed1: {}
      # keycloak:
      #   server_url: https://iam.example/auth/
      #   realm: MIP
      #   client_id: fed1
      #   admin_client_id: mip-admin          # or admin_username and admin_password
      #   admin_client_secret: …
      # services:                             # the secret ones of the services' environment
      #   portalbackend_db: {env: {POSTGRES_PASSWORD: …}}
