using System.Collections.Concurrent;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Snapshots;
using Clinker.Types;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>Limits, and that they hold whatever comes at once.</summary>
public abstract partial class StoreContract
{
    [Fact]
    public async Task Limits_are_a_projects_own_then_those_of_everybody_then_the_configured_ones()
    {
        var configured = new QuotaLimits(Volumes: 10, Gigabytes: 1000);
        async Task<(long, long, long)> Of(string project)
        {
            var limits = await Db.Read(tx => tx.Quotas.LimitsOf(project, configured));
            return (limits.Of("volumes"), limits.Of("gigabytes"), limits.Of("volumes:t"));
        }
        await Db.Commit(tx => tx.Quotas.SetOfClass("default", new Dictionary<string, long> { ["volumes"] = 7, ["gigabytes"] = 70 }));
        await Db.Commit(tx => tx.Quotas.SetOfClass("other", new Dictionary<string, long> { ["volumes"] = 1 }));
        await Db.Commit(tx => tx.Quotas.SetOwn("p", new Dictionary<string, long> { ["volumes"] = 3, ["volumes:t"] = 2 }, r => r));
        Assert.Equal((3, 70, 2), await Of("p"));
        Assert.Equal((7, 70, -1), await Of("q"));
        Assert.Equal(7, (await Db.Read(tx => tx.Quotas.Defaults(configured))).Of("volumes"));
        await Db.Commit(tx => tx.Quotas.SetOwn("p", new Dictionary<string, long> { ["volumes"] = -1 }, r => r));
        Assert.Equal((-1, 70, 2), await Of("p"));
        await Db.Commit(tx => tx.Quotas.RemoveOwn("p"));
        Assert.Equal((7, 70, -1), await Of("p"));
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task A_limit_is_not_set_below_what_is_in_use()
    {
        await Db.Commit(tx => tx.Quotas.Take("p", [new("volumes", 3)], QuotaLimits.None));
        Task Set(long limit) => Db.Commit(tx => tx.Quotas.SetOwn("p", new Dictionary<string, long> { ["gigabytes"] = 5, ["volumes"] = limit }, r => $"«{r}»"));
        Assert.Equal(new Fault.Invalid("Quota «volumes» limit must be equal or greater than existing resources. Current usage is 3 and the requested limit is 2."),
            await Refused(() => Set(2)));
        Assert.Empty(await Db.Read(tx => tx.Quotas.Own("p"))); // all or nothing
        await Set(3);
        Assert.Equal("VolumeLimitExceeded: Maximum number of volumes allowed (3) exceeded for quota 'volumes'.",
            (await Refused(() => Db.Commit(tx => tx.Quotas.Take("p", [new("volumes", 1)], QuotaLimits.None)))).Message);
        await Set(-1);
    }

    [Fact]
    public async Task A_type_that_goes_takes_its_limits_along()
    {
        var (gone, kept) = (await Typed(Some.Type("gone")), await Typed(Some.Type("kept")));
        foreach (var id in (string[])[gone.Id, kept.Id])
        {
            await Db.Commit(tx => tx.Quotas.SetOwn("p", new Dictionary<string, long> { [QuotaResource.OfType("volumes", id)] = 4 }, r => r));
            await Db.Commit(tx => tx.Quotas.SetOfClass("default", new Dictionary<string, long> { [QuotaResource.OfType("snapshots", id)] = 4 }));
        }
        await Db.Commit(tx => tx.Types.Remove(gone.Id));
        Assert.Equal([QuotaResource.OfType("snapshots", kept.Id), QuotaResource.OfType("volumes", kept.Id)],
            (await Db.Read(tx => tx.Quotas.Own("p"))).Keys.Order(StringComparer.Ordinal));
    }

    /// <summary>Whoever lowers a limit and whoever takes meet: one of them gives way, whatever the order.</summary>
    [Fact]
    public async Task A_limit_that_is_lowered_while_others_take_is_not_passed()
    {
        for (var round = 0; round < 20; round++)
        {
            var project = $"p{round}";
            var takes = Enumerable.Range(0, 8).Select(_ => Background(() => Outcome(() =>
                Db.Commit(tx => tx.Quotas.Take(project, [new("gigabytes", 1), new("volumes", 1)], QuotaLimits.None)))));
            var lowered = Background(() => Outcome(() => Db.Commit(tx =>
                tx.Quotas.SetOwn(project, new Dictionary<string, long> { ["gigabytes"] = 3, ["volumes"] = 3 }, r => r))));
            var refused = (await Task.WhenAll(takes)).Count(f => f is Fault.OverQuota);
            var used = await Db.Read(tx => tx.Quotas.InUse(project, "volumes"));
            Assert.Equal(8 - refused, used);
            if (await lowered is null) Assert.InRange(used, 0, 3);
            else Assert.InRange(used, 4, 8);
        }
    }

    [Fact]
    public async Task However_much_comes_and_goes_at_once_the_usage_is_what_is_counted()
    {
        var walk = new QuotaWalk(Db, [null, (await Typed(Some.Type("gold"))).Id, (await Typed(Some.Type("silver"))).Id]);
        for (var round = 0; round < 4; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Background(() => walk.Go(seed: round * 8 + worker, acts: 80))));
            Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
            Assert.Empty(await walk.Passed());
        }
        Assert.All(walk.Done, d => Assert.True(d.Value > 0, $"never {d.Key}: {string.Join(", ", walk.Done)}"));
    }

    /// <summary>A random walk over three projects: things are made, grown, deleted, fail half-way, and limits change meanwhile.</summary>
    sealed class QuotaWalk(Clinker.Store.Database db, string?[] types)
    {
        static readonly QuotaLimits Configured = new(Volumes: 8, Gigabytes: 40, PerVolumeGigabytes: 9, Snapshots: 4);
        static readonly string[] Projects = ["p", "q", "r"];

        readonly ConcurrentDictionary<string, Volume> volumes = new();
        readonly ConcurrentDictionary<string, Snapshot> snapshots = new();

        /// <summary>How often each came to pass, or was refused.</summary>
        public ConcurrentDictionary<string, int> Done { get; } = new(new[]
        {
            "made", "made: over", "snapshot", "snapshot: over", "grown", "grown: over", "deleted", "limit", "limit: below", "failed",
        }.Select(d => KeyValuePair.Create(d, 0)));

        public async Task Go(int seed, int acts)
        {
            var random = new Random(seed);
            for (var i = 0; i < acts; i++)
            {
                await (random.Next(10) switch
                {
                    < 3 => Try("made", "over", () => Make(random)),
                    3 => Try("snapshot", "over", () => Shoot(random)),
                    4 => Try("grown", "over", () => Grow(random)),
                    5 => Try("limit", "below", () => Limit(random)),
                    6 => Fail(random),
                    _ => Try("deleted", "", () => Delete(random)),
                });
                if (i % 10 == 0) Assert.Empty(await Passed());
            }
        }

        /// <summary>What is above its limit now, in one look.</summary>
        public async Task<List<string>> Passed()
        {
            var all = await db.Read(tx => tx.Query($"""
                select u.project_id, u.resource, u.in_use, l.most from quota_usage u
                left join quota_limit l on l.project_id = u.project_id and l.resource = u.resource
                """, r => (Of: $"{r.GetString(0)} {r.GetString(1)}", InUse: r.GetInt64(2), Most: r.IsDBNull(3) ? Configured.Of(r.GetString(1)) : r.GetInt64(3))));
            return [.. all.Where(u => u.InUse < 0 || (u.Most >= 0 && u.InUse > u.Most)).Select(u => $"{u.Of}: {u.InUse} of {u.Most}")];
        }

        async Task Try(string what, string refused, Func<Task<bool>> act)
        {
            try { if (await act()) Count(what); }
            catch (FaultException e) when (e.Fault is Fault.OverQuota or Fault.Invalid) { Count($"{what}: {refused}"); }
        }

        void Count(string what) => Done.AddOrUpdate(what, 1, (_, n) => n + 1);

        static T? Any<T>(Random random, ConcurrentDictionary<string, T> of) where T : class =>
            of.Values.ToList() is { Count: > 0 } all ? all[random.Next(all.Count)] : null;

        async Task<bool> Make(Random random)
        {
            var volume = Some.Volume(Projects[random.Next(3)], random.Next(1, 11), type: types[random.Next(3)]);
            await db.Commit(async tx =>
            {
                await tx.Volumes.Insert(volume);
                await tx.Quotas.Take(volume, Configured);
            });
            return volumes.TryAdd(volume.Id, volume);
        }

        /// <summary>All is taken, and then something goes wrong.</summary>
        async Task Fail(Random random)
        {
            var volume = Some.Volume(Projects[random.Next(3)], 1, type: types[random.Next(3)]);
            try
            {
                await db.Commit(async tx =>
                {
                    await tx.Quotas.Take(volume, Configured);
                    throw new Fault.DriverFailed("do it", "so it is.").Thrown();
                });
            }
            catch (FaultException e) when (e.Fault is Fault.DriverFailed) { Count("failed"); }
            catch (FaultException e) when (e.Fault is Fault.OverQuota) { Count("made: over"); }
        }

        async Task<bool> Shoot(Random random)
        {
            if (Any(random, volumes) is not { } of) return false;
            var id = Some.Id();
            var made = await db.Commit(async tx =>
            {
                if (await tx.Volumes.Find(of.Id, @lock: true) is not { } volume) return null;
                var snapshot = new Snapshot
                {
                    Id = id, ProjectId = volume.ProjectId, UserId = "u", VolumeId = volume.Id, SizeGb = volume.SizeGb,
                    Status = SnapshotStatus.Available, VolumeTypeId = volume.VolumeTypeId, CreatedAt = Some.Time,
                };
                await tx.Snapshots.Insert(snapshot);
                await tx.Quotas.Take(snapshot, Configured);
                return snapshot;
            });
            return made is not null && snapshots.TryAdd(id, made);
        }

        async Task<bool> Grow(Random random)
        {
            if (Any(random, volumes) is not { } of) return false;
            var by = random.Next(1, 4);
            return await db.Commit(async tx =>
            {
                if (await tx.Volumes.Find(of.Id, @lock: true) is not { } volume) return false;
                await tx.Quotas.TakeGrowth(volume, volume.SizeGb + by, Configured);
                await tx.Volumes.SetSize(volume.Id, volume.SizeGb + by);
                return true;
            });
        }

        async Task<bool> Limit(Random random)
        {
            var kind = (string[])["volumes", "gigabytes", "snapshots"];
            var (resource, type) = (kind[random.Next(3)], types[random.Next(3)]);
            if (type is not null) resource = QuotaResource.OfType(resource, type);
            await db.Commit(tx => tx.Quotas.SetOwn(Projects[random.Next(3)], new Dictionary<string, long> { [resource] = random.Next(-1, 30) }, r => r));
            return true;
        }

        async Task<bool> Delete(Random random)
        {
            if (random.Next(3) == 0 && Any(random, snapshots) is { } old)
            {
                if (!snapshots.TryRemove(old.Id, out _)) return false;
                await db.Commit(async tx =>
                {
                    await tx.Execute($"delete from snapshot where id = {old.Id}");
                    await tx.Quotas.GiveBack(old);
                });
                return true;
            }
            if (Any(random, volumes) is not { } of || !volumes.TryRemove(of.Id, out _)) return false;
            await db.Commit(async tx =>
            {
                var volume = await tx.Volumes.Get(of.Id, @lock: true);
                await tx.Volumes.Remove(volume.Id);
                await tx.Quotas.GiveBack(volume);
            });
            return true;
        }
    }

    [Fact]
    public async Task What_belongs_to_types_is_remembered_whole()
    {
        var type = await Typed(Some.Type("gold"));
        var qos = new QosSpec
        {
            Id = Some.Id(), Name = "slow", Consumer = "both", Specs = new Dictionary<string, string> { ["total_iops_sec"] = "5" },
            CreatedAt = Some.Time, UpdatedAt = Some.Time.AddDays(1),
        };
        await Db.Commit(tx => tx.QosSpecs.Insert(qos));
        Assert.Equal(new Fault.Conflict("QoS Specs slow already exists."), await Refused(() => Db.Commit(tx => tx.QosSpecs.Insert(qos with { Id = Some.Id() }))));
        var read = await Db.Read(tx => tx.QosSpecs.Get(qos.Id));
        Assert.Equal(qos.Specs, read.Specs);
        Assert.Equal(qos, read with { Specs = qos.Specs });
        await Db.Commit(tx => tx.QosSpecs.Associate(qos.Id, type.Id));
        Assert.Equal(qos.Id, (await Db.Read(tx => tx.Types.Find(type.Id)))!.QosSpecId);
        Assert.Equal([(type.Id, "gold")], await Db.Read(tx => tx.QosSpecs.TypesOf(qos.Id)));
        Assert.Equal(qos.Specs, (await Db.Read(tx => tx.QosSpecs.OfType(type.Id)))!.Specs);
        await Db.Commit(tx => tx.QosSpecs.Disassociate(qos.Id, null));
        Assert.Null(await Db.Read(tx => tx.QosSpecs.OfType(type.Id)));

        var encryption = new TypeEncryption
        {
            Id = Some.Id(), VolumeTypeId = type.Id, Provider = "luks", ControlLocation = "front-end", Cipher = "aes", KeySize = 256, CreatedAt = Some.Time,
        };
        await Db.Commit(tx => tx.Encryptions.Insert(encryption));
        Assert.Equal(encryption, await Db.Read(tx => tx.Encryptions.Find(type.Id)));
        await Db.Commit(tx => tx.Encryptions.Update(encryption with { KeySize = null, Cipher = null }));
        Assert.Null((await Db.Read(tx => tx.Encryptions.Find(type.Id)))!.KeySize);
        Assert.IsType<Fault.Invalid>(await Refused(() => Db.Commit(tx => tx.Encryptions.Insert(encryption with { Id = Some.Id() }))));

        await Db.Commit(tx => tx.Types.SetDefault("p", type.Id));
        await Db.Commit(tx => tx.Types.SetDefault("p", type.Id));
        Assert.Equal([("p", type.Id)], await Db.Read(tx => tx.Types.Defaults()));
        Assert.Equal("gold", (await Db.Read(tx => tx.Types.DefaultOf("p")))!.Name);
        Assert.Null(await Db.Read(tx => tx.Types.DefaultOf("q")));
        Assert.True(await Db.Read(tx => tx.Types.IsDefault(type.Id)));
        await Db.Commit(tx => tx.Types.RemoveDefault("p"));
        Assert.False(await Db.Read(tx => tx.Types.IsDefault(type.Id)));
        await Db.Commit(tx => tx.Types.Remove(type.Id));
        Assert.Equal(0, await Db.Read(tx => tx.Number($"select count(*) from type_encryption")));
    }

    [Fact]
    public async Task Group_types_are_remembered_and_their_names_taken_once()
    {
        var type = new Clinker.Groups.GroupType
        {
            Id = Some.Id(), Name = "g", Description = "d", IsPublic = false, Specs = new Dictionary<string, string> { ["a"] = "b" }, CreatedAt = Some.Time,
        };
        await Db.Commit(tx => tx.GroupTypes.Insert(type));
        var read = (await Db.Read(tx => tx.GroupTypes.Find(type.Id)))!;
        Assert.Equal(type.Specs, read.Specs);
        Assert.Equal(type, read with { Specs = type.Specs });
        var taken = new Fault.Conflict("Group Type g already exists.");
        Assert.Equal(taken, await Refused(() => Db.Commit(tx => tx.GroupTypes.Insert(type with { Id = Some.Id() }))));
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Background(() => Db.Commit(tx => tx.GroupTypes.EnsureReserved(Some.Id())))));
        var reserved = (await Db.Read(tx => tx.GroupTypes.FindByName("default_cgsnapshot_type")))!;
        Assert.Equal(taken, await Refused(() => Db.Commit(tx => tx.GroupTypes.Update(reserved with { Name = "g" }))));
        Assert.Equal(2, (await Db.Read(tx => tx.GroupTypes.List())).Count);
        Assert.False(await Db.Read(tx => tx.GroupTypes.InUse(type.Id)));
        await Db.Commit(tx => tx.GroupTypes.Remove(type.Id));
        Assert.Null(await Db.Read(tx => tx.GroupTypes.Find(type.Id)));
    }
}
