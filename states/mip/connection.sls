{#- Settings that bring a minion back soon: salt '*' state.apply mip.connection -#}
mip-connection:
  file.managed:
    - name: {{ (salt['file.dirname'](opts['conf_file']) ~ '/minion.d/mip.conf') | json }}
    - source: salt://mip/minion.conf
    - mode: '0644'
    - makedirs: True
