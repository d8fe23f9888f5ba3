"""The whole configuration beside its results, and what is checked before work starts."""

# Keeps results/<preset>/status up to date; only in the main process, because jobs parse this file too.
STATUS = status.StatusPage(Path(RESULTS))
if workflow.is_main_process and not workflow.dryrun:
    logger.addHandler(STATUS)


# Snakemake does not know the records beside results, which must be deleted with them.
if workflow.is_main_process and "--delete-all-output" in sys.argv:
    atexit.register(contents.remove_orphaned_records, Path(RESULTS))


onstart:
    try:
        atexit.register(locks.hold(Path(RESULTS) / ".lock").release)
        sizing.check_disk(config, Path(RESULTS), workflow.cores or 1)
    except TransientRidgeError as error:
        raise WorkflowError(str(error)) from None
    STATUS.start()


onsuccess:
    STATUS.end()


onerror:
    STATUS.end()
    if shortage := files.shortage(Path(RESULTS)):
        print(shortage, file=sys.stderr)


rule resolved_config:
    """The whole configuration beside its results."""
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{RESULTS}/logs/resolved_config.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        config=json.dumps(config, sort_keys=True),
    shell:
        "python -c 'import json, sys, yaml; print(yaml.safe_dump(json.loads(sys.argv[1])))' "
        "{params.config:q} > {output} 2> {log}"
