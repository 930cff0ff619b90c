{#- The beacons that report changes of this node's data: salt '*' state.apply mip.beacons -#}
{%- set federations = pillar.get('mip', {}).get('federations', {}) %}
{%- for name in federations %}
mip-beacons-{{ name }}:
  mip.beacons:
    - federation: {{ name | json }}
{%- else %}
mip-beacons:
  test.fail_without_changes:
    - name: the pillar of this node declares no federation
{%- endfor %}
