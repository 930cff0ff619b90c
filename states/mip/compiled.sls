{#- The databases of this node in step with their sources: salt '*wk*' state.apply mip.compiled -#}
{%- set federations = pillar.get('mip', {}).get('federations', {}) %}
{%- for name in federations %}
mip-compiled-{{ name }}:
  mip.compiled:
    - federation: {{ name | json }}
{%- else %}
mip-compiled:
  test.fail_without_changes:
    - name: the pillar of this node declares no federation
{%- endfor %}
