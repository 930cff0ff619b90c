# The federation fed1. Its nodes are the minions of these ids; workers are wk1, wk2… in this order.
mip:
  federations:
    fed1:
      nodes:
        fed1-ms:
          role: master
          address: 10.77.0.10
        fed1-ui:
          role: ui
          address: 10.77.0.11
        fed1-wk-chuv:
          role: worker
          hospital: chuv
          address: 10.77.0.21
          contact: it@chuv.example
        fed1-wk-niguarda:
          role: worker
          hospital: niguarda
          address: 10.77.0.22
          data_path: /srv/mip
      # All that follows is optional; these are the defaults. A node may also have a hostname: the
      # Swarm's name for it, where that is not the minion's id.
      # data_path: /data/fed1
      # ui_path: /opt/mip-deployment/Federation
      # missing_worker: fail                  # fail, skip or keep
      # min_count: 10                         # row counts below it leave a node as "<10"
      # labels: {pathologies: {}, datasets: {}}     # as {dementia: Dementia}, {dementia: {edsd: EDSD}}
      # datacatalogue: {protocol: http, host: "datacatalogue.mip.ebrains.eu:8086"}
      # compile: {subjectcode: false}
      # engine: {any_name: false}
      # generations: {keep: 500, keep_mb: 1000, quota_mb: 2000}     # on the pusher; sizes in MB
      # services: {}
      # swarm:
      #   endpoint_mode: dnsrr
      #   data_path_port: 4789
      #   network: {name: mip-federation, subnet: 10.20.30.0/24, gateway: 10.20.30.254, encrypted: true, mtu: 1500}
      # reactor: {settle: 30, missing_worker: keep, max_removed: 1, resync: 900}
      # watch: {every: 60, after: {default: 60, WorkersReachable: 300}, remind: 24h}
      # ssh: {user: mipadmin, port: 22}
