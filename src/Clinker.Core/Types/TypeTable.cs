using System.Data.Common;
using System.Text.Json;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Types;

/// <summary>Which type rows change, under which condition.</summary>
public readonly struct TypeTable(Tx tx)
{
    static readonly Sql All = Sql.Raw("id, name, description, is_public, extra_specs, created_at, updated_at, qos_spec_id");

    /// <exception cref="FaultException">Conflict: the name is taken.</exception>
    public async Task<VolumeType> Insert(VolumeType t)
    {
        var inserted = await tx.Execute($"""
            insert into volume_type ({All}) values ({t.Id}, {t.Name}, {t.Description}, {t.IsPublic}, {Json(t.ExtraSpecs)},
              {t.CreatedAt}, {t.UpdatedAt}, {t.QosSpecId}) on conflict do nothing
            """);
        if (inserted == 0) throw new Fault.Conflict($"Volume Type {t.Name} already exists.").Thrown();
        return t;
    }

    /// <summary>Makes the default type if it is not there.</summary>
    public Task EnsureDefault(string id) => tx.Execute($"""
        insert into volume_type ({All}) values ({id}, {VolumeType.DefaultName}, 'Default Volume Type', {true}, {"{}"}, {tx.Now}, {null as string}, {null as string})
        on conflict do nothing
        """);

    public Task<VolumeType?> Find(string id, bool @lock = false) =>
        tx.One<VolumeType?>($"select {All} from volume_type where id = {id}{(@lock ? tx.Dialect.ForUpdate : Sql.Nothing)}", Read);

    /// <summary>Keeps a type from being removed until the transaction ends.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public async Task Keep(string id)
    {
        if (await tx.One($"select id from volume_type where id = {id}{tx.Dialect.ForShare}", r => r.GetString(0)) is null)
            throw new Fault.NotFound("Volume type", id).Thrown();
    }

    public Task<VolumeType?> FindByName(string name) =>
        tx.One<VolumeType?>($"select {All} from volume_type where name = {name}", Read);

    /// <summary>All types that a project may see, or (null) every type; newest first.</summary>
    public Task<List<VolumeType>> List(string? visibleTo)
    {
        Sql seen = visibleTo is null ? Sql.Nothing : $"""
             where is_public or id in (select volume_type_id from volume_type_access where project_id = {visibleTo})
            """;
        return tx.Query($"select {All} from volume_type{seen} order by created_at desc, id desc", Read);
    }

    /// <exception cref="FaultException">Conflict: the name is taken by another type.</exception>
    public async Task Update(VolumeType t)
    {
        var other = await tx.Number($"select count(*) from volume_type where name = {t.Name} and id <> {t.Id}");
        if (other > 0) throw new Fault.Conflict($"Volume Type {t.Name} already exists.").Thrown();
        try
        {
            await tx.Execute($"""
                update volume_type set name = {t.Name}, description = {t.Description}, is_public = {t.IsPublic},
                  extra_specs = {Json(t.ExtraSpecs)}, updated_at = {tx.Now} where id = {t.Id}
                """);
        }
        catch (DbException e) when (e.SqlState == "23505") // unique_violation: another host was quicker
        {
            throw new Fault.Conflict($"Volume Type {t.Name} already exists.").Thrown(e);
        }
    }

    /// <summary>Removes a type that nothing has, with its accesses, its encryption and its limits.</summary>
    public async Task Remove(string id)
    {
        await tx.Execute($"delete from volume_type where id = {id}");
        await tx.Quotas.ForgetType(id);
    }

    public async Task<bool> InUse(string id) =>
        0 < await tx.Number($"""
            select count(*) from (select 1 from volume where volume_type_id = {id} or retyping_to = {id}
              union all select 1 from snapshot where volume_type_id = {id} limit 1) v
            """);

    /// <summary>Whether groups may have volumes of this type.</summary>
    public async Task<bool> InGroups(string id)
    {
        var listed = $"%\"{id}\"%"; // a JSON list of ids
        return 0 < await tx.Number($"select count(*) from volume_group where volume_types like {listed}");
    }

    public Task<List<string>> Access(string id) =>
        tx.Query($"select project_id from volume_type_access where volume_type_id = {id} order by project_id", r => r.GetString(0));

    /// <summary>False when the project had access already.</summary>
    /// <exception cref="FaultException">NotFound: there is no such type (any more).</exception>
    public async Task<bool> AddAccess(string id, string projectId)
    {
        await Keep(id);
        return 1 == await tx.Execute($"""
            insert into volume_type_access (volume_type_id, project_id) values ({id}, {projectId}) on conflict do nothing
            """);
    }

    /// <summary>False when the project had none.</summary>
    public async Task<bool> RemoveAccess(string id, string projectId) =>
        1 == await tx.Execute($"delete from volume_type_access where volume_type_id = {id} and project_id = {projectId}");

    /// <summary>The extra specs of a type; none for no type.</summary>
    public async Task<IReadOnlyDictionary<string, string>> SpecsOf(string? id) =>
        id is not null && await Find(id) is { } type ? type.ExtraSpecs : Volume.EmptyMetadata;

    /// <summary>The type that a project's volumes get when nobody names one; null for the configured one.</summary>
    public Task<VolumeType?> DefaultOf(string projectId) => tx.One<VolumeType?>($"""
        select {All} from volume_type where id = (select volume_type_id from default_type where project_id = {projectId})
        """, Read);

    /// <summary>Every project that has a default type of its own, by project.</summary>
    public Task<List<(string ProjectId, string TypeId)>> Defaults() => tx.Query(
        $"select project_id, volume_type_id from default_type order by project_id", r => (r.GetString(0), r.GetString(1)));

    public async Task<bool> IsDefault(string id) =>
        0 < await tx.Number($"select count(*) from default_type where volume_type_id = {id}");

    public Task SetDefault(string projectId, string typeId) => tx.Execute($"""
        insert into default_type (project_id, volume_type_id) values ({projectId}, {typeId})
        on conflict (project_id) do update set volume_type_id = excluded.volume_type_id
        """);

    public Task RemoveDefault(string projectId) => tx.Execute($"delete from default_type where project_id = {projectId}");

    static string Json(IReadOnlyDictionary<string, string> specs) =>
        JsonSerializer.Serialize(specs, CoreJson.Default.IReadOnlyDictionaryStringString);

    static VolumeType Read(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        Name = r.GetString(1),
        Description = r.Text(2),
        IsPublic = r.GetBoolean(3),
        ExtraSpecs = VolumeTable.Words(r.GetString(4)),
        CreatedAt = r.Time(5),
        UpdatedAt = r.TimeOrNull(6),
        QosSpecId = r.Text(7),
    };
}
