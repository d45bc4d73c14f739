"""Compute as strict as life: policies, pools, access modes, clouds, serverless, who a job runs as, and the bill."""

from __future__ import annotations

import json
from typing import Any

import pytest
from databricks.sdk.errors import BadRequest, InvalidParameterValue, NotFound, PermissionDenied
from databricks.sdk.service import compute, jobs, workspace

from tests.harness.sandbox import Sandbox, until

pytest_plugins = ["tests.harness.sandbox"]

PLAIN = {"spark_version": "17.3.x-scala2.13", "node_type_id": "i3.xlarge", "num_workers": 1}


def script(box: Sandbox) -> str:
    """The path of a script that does next to nothing."""
    client = box.client(box.admin_token)
    client.workspace.mkdirs("/Workspace/Shared")
    client.workspace.upload("/Workspace/Shared/x.py", b"print(1)\n", format=workspace.ImportFormat.RAW, overwrite=True)
    return "/Workspace/Shared/x.py"


def submit(box: Sandbox, cluster: dict[str, Any] | None, admin: bool = False, **more: Any) -> jobs.Run:
    """A run at its end; without a cluster, on serverless compute."""
    client = box.client(box.admin_token if admin else None)
    python = jobs.SparkPythonTask(python_file=script(box))
    if cluster is None:
        task = jobs.SubmitTask(task_key="t", spark_python_task=python, environment_key="e")
        spec = compute.Environment(environment_version="4")
        more.setdefault("environments", [jobs.JobEnvironment(environment_key="e", spec=spec)])
    else:
        spec_of = compute.ClusterSpec.from_dict({**PLAIN, **cluster})
        task = jobs.SubmitTask(task_key="t", spark_python_task=python, new_cluster=spec_of)
    run = client.jobs.submit(tasks=[task], **more).run_id
    return until(lambda: (found := client.jobs.get_run(run)).end_time and found)


def code(run: jobs.Run) -> str:
    """The code of its termination."""
    details = run.status and run.status.termination_details
    assert details and details.code
    return details.code.value


def test_a_policy_fills_in_and_refuses(box: Sandbox) -> None:
    admin = box.client(box.admin_token)
    definition = {
        "runtime_engine": {"type": "fixed", "value": "PHOTON"},
        "node_type_id": {"type": "allowlist", "values": ["i3.xlarge", "m5.xlarge"]},
        "aws_attributes.ebs_volume_count": {"type": "fixed", "value": 1, "hidden": True},
        "num_workers": {"type": "range", "maxValue": 2, "defaultValue": 1},
        "single_user_name": {"type": "forbidden"},
    }
    with pytest.raises(PermissionDenied):
        box.client().cluster_policies.create(name="p", definition=json.dumps(definition))
    policy = admin.cluster_policies.create(name="strict", definition=json.dumps(definition)).policy_id
    assert "strict" in [one.name for one in box.client().cluster_policies.list()]
    given = {"policy_id": policy, "node_type_id": "m5.xlarge", "num_workers": None}
    with pytest.raises(InvalidParameterValue, match="num_workers must be present"):
        submit(box, given)
    run = submit(box, {**given, "apply_policy_default_values": True})
    assert code(run) == "SUCCESS"
    spec = run.tasks and run.tasks[0].new_cluster
    assert spec and spec.runtime_engine == compute.RuntimeEngine.PHOTON and spec.num_workers == 1
    assert spec.aws_attributes and spec.aws_attributes.ebs_volume_count == 1
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"num_workers": 3}, "num_workers, the value must be at most 2"),
        ({"num_workers": 1, "node_type_id": "i3.2xlarge"}, "node_type_id, the value must be one of"),
        ({"num_workers": 1, "runtime_engine": "STANDARD"}, 'the value must be PHOTON \\(is "STANDARD"\\)'),
        ({"num_workers": 1, "single_user_name": box.user}, "single_user_name, the value must not be present"),
    ]
    for more, words in wrong:
        with pytest.raises(InvalidParameterValue, match=words):
            submit(box, {"policy_id": policy, **more})


def test_machines_are_those_of_the_workspaces_cloud(box: Sandbox) -> None:
    client = box.client()
    with pytest.raises(InvalidParameterValue, match="At least one EBS volume must be attached"):
        submit(box, {"node_type_id": "m5.xlarge"})
    assert code(submit(box, {"node_type_id": "m5.xlarge", "aws_attributes": {"ebs_volume_count": 1}})) == "SUCCESS"
    (pool,) = client.instance_pools.list()
    assert code(submit(box, {"node_type_id": None, "instance_pool_id": pool.instance_pool_id})) == "SUCCESS"
    with pytest.raises(InvalidParameterValue, match="cannot be supplied when an instance pool ID"):
        submit(box, {"instance_pool_id": pool.instance_pool_id})
    (profile,) = client.instance_profiles.list()
    known = {"aws_attributes": {"instance_profile_arn": profile.instance_profile_arn}}
    assert code(submit(box, known)) == "SUCCESS"
    with pytest.raises(InvalidParameterValue, match="not registered"):
        submit(box, {"aws_attributes": {"instance_profile_arn": "arn:aws:iam::1:instance-profile/x"}})
    with box.setting(cloud="azure"):
        names = {one.node_type_id for one in client.clusters.list_node_types().node_types or []}
        assert names == {"Standard_D4ds_v5", "Standard_L8s_v3"}
        with pytest.raises(InvalidParameterValue, match="aws_attributes"):
            submit(box, known)
        assert code(submit(box, {})) == "INVALID_CLUSTER_REQUEST", "i3.xlarge is no machine of Azure"
        node = {"node_type_id": "Standard_D4ds_v5", "azure_attributes": {"availability": "SPOT_WITH_FALLBACK_AZURE"}}
        assert code(submit(box, node)) == "SUCCESS"
    keys = {one.key for one in client.clusters.spark_versions().versions or []}
    assert {"18.x-scala2.13", "19.x-scala2.13", "17.3.x-scala2.13"} <= keys


def test_access_modes_have_their_rules(box: Sandbox) -> None:
    run = submit(box, {"data_security_mode": "SINGLE_USER"})
    spec = run.tasks and run.tasks[0].new_cluster
    assert spec and spec.single_user_name == box.user
    dedicated = {"data_security_mode": "DATA_SECURITY_MODE_DEDICATED", "single_user_name": "migration-engineers"}
    assert code(submit(box, dedicated)) == "SUCCESS"
    assert code(submit(box, {"data_security_mode": "USER_ISOLATION"})) == "SUCCESS"
    assert code(submit(box, {"data_security_mode": "NONE"})) == "RUN_EXECUTION_ERROR"
    with pytest.raises(InvalidParameterValue, match="single_user_name"):
        submit(box, {"data_security_mode": "SINGLE_USER", "single_user_name": box.admin})


def test_who_a_job_runs_as(box: Sandbox) -> None:
    robot = jobs.JobRunAs(service_principal_name=box.client_id)
    with pytest.raises(PermissionDenied, match="servicePrincipal/user"):
        submit(box, None, run_as=robot)
    with pytest.raises(BadRequest):
        submit(box, None, run_as=jobs.JobRunAs(user_name="none@sandbox.example"))
    box.turn("principals/roles", service_principal=box.client_id, users=[box.user])
    run = submit(box, None, run_as=robot)
    assert (code(run), run.creator_user_name) == ("SUCCESS", box.user)
    with pytest.raises(PermissionDenied):
        submit(box, None, run_as=jobs.JobRunAs(user_name=box.admin))
    box.turn("principals/roles", service_principal=box.client_id, users=[])


def test_one_kind_of_compute_can_be_all_there_is(box: Sandbox) -> None:
    with box.setting(serverless_only=True):
        with pytest.raises(InvalidParameterValue, match="Only serverless compute is supported"):
            submit(box, {})
        assert code(submit(box, None, performance_target=jobs.PerformanceTarget.STANDARD)) == "SUCCESS"
    with box.setting(classic_only=True):
        with pytest.raises(BadRequest, match="serverless compute for workflows is not enabled"):
            submit(box, None)
        assert code(submit(box, {})) == "SUCCESS"
    with pytest.raises(InvalidParameterValue, match="no environment with the key"):
        submit(box, None, environments=[])


def test_the_jobs_api_can_be_an_older_one(box: Sandbox) -> None:
    assert not list(box.client().jobs.list(name="none"))
    with box.setting(jobs_api="2.1"):
        with pytest.raises(NotFound, match=r"Bad Target: /api/2\.2/jobs/list") as refused:
            list(box.client().jobs.list())
        assert refused.value.error_code == "ENDPOINT_NOT_FOUND"
        assert box.ask("GET", "/api/2.1/jobs/list").status_code == 200


def test_serverless_usage_is_found_by_the_run(box: Sandbox) -> None:
    box.turn("usage-policies", id="u-1", tags={"team": "lake"})
    runs = [submit(box, None), submit(box, None, usage_policy_id="u-1"), submit(box, None, budget_policy_id="u-1")]
    with pytest.raises(InvalidParameterValue, match="Usage policy none"):
        submit(box, None, usage_policy_id="none")
    text = """
        SELECT u.usage_metadata.job_run_id AS run, u.custom_tags.team AS team, u.product_features.is_serverless,
               SUM(u.usage_quantity * p.pricing.default) AS dollars, count(*) AS n
        FROM system.billing.usage u JOIN system.billing.list_prices p
          ON u.sku_name = p.sku_name AND u.cloud = p.cloud AND u.usage_start_time >= p.price_start_time
          AND (p.price_end_time IS NULL OR u.usage_start_time < p.price_end_time)
        WHERE u.usage_metadata.cluster_id IS NULL AND u.usage_metadata.job_id IS NOT NULL
        GROUP BY 1, 2, 3"""
    client = box.client()
    warehouse = str(next(iter(client.warehouses.list())).id)
    told = client.statement_execution.execute_statement(text, warehouse, wait_timeout="20s")
    assert told.status and told.status.state and told.status.state.value == "SUCCEEDED", told.status
    found = {row[0]: row for row in (told.result and told.result.data_array) or []}
    teams = [found[str(run.run_id)][1] for run in runs]
    assert teams == [None, "lake", "lake"]
    for run in runs:
        _, _, serverless, dollars, count = found[str(run.run_id)]
        assert (serverless, count) == ("true", "1") and float(dollars) > 0
