{#- The ui's node is in the Swarm, with the folders that its services bind: salt '*ui*' state.apply mip.ui -#}
{%- from 'mip/role.jinja' import states with context %}
{{ states('ui', 'swarm_joined') }}
