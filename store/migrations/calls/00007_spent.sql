-- +goose Up

-- What language models took for a call: tokens as their endpoints count them, and
-- what they cost by the configured prices.
alter table calls add column llm_input bigint not null default 0;
alter table calls add column llm_cached bigint not null default 0;
alter table calls add column llm_written bigint not null default 0;
alter table calls add column llm_output bigint not null default 0;
alter table calls add column llm_cost double precision not null default 0;

-- +goose Down
alter table calls drop column llm_cost;
alter table calls drop column llm_output;
alter table calls drop column llm_written;
alter table calls drop column llm_cached;
alter table calls drop column llm_input;
