using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.BadInput;

/// <summary>Markers, limits, orders and filters that are not as they must be, on every route that is read; and parameters of deletions.</summary>
[Collection(OneDaemon.Name)]
public sealed class QueryTests(Things things)
{
    /// <summary>The minor from which a list is given in pages.</summary>
    static readonly Dictionary<string, int> Paged = new()
    {
        ["volume_list"] = 0,
        ["volume_list_detail"] = 0,
        ["snapshot_list"] = 0,
        ["snapshot_list_detail"] = 0,
        ["backup_list"] = 0,
        ["backup_list_detail"] = 0,
        ["type_list"] = 0,
        ["message_list"] = 5,
        ["attachment_list"] = 27,
        ["attachment_list_detail"] = 27,
        ["qos_spec_list"] = 0,
        ["group_type_list"] = 11,
        ["group_list"] = 13,
        ["group_list_detail"] = 13,
        ["group_snapshot_list"] = 29,
        ["group_snapshot_list_detail"] = 29,
        ["consistencygroup_list"] = 0,
        ["consistencygroup_list_detail"] = 0,
        ["cgsnapshot_list"] = 0,
        ["cgsnapshot_list_detail"] = 0,
        ["transfer_list"] = 59,
        ["transfer_list_detail"] = 59,
        ["operation_list"] = 0,
    };

    /// <summary>Lists of a pool, which must be named: their pages are of files, after a marker that is no id.</summary>
    public static readonly string[] OfPools =
    [
        .. from head in (string[])["", "os_"] from kind in (string[])["volume", "snapshot"] from detail in (string[])["", "_detail"]
           select $"{head}manageable_{kind}_list{detail}",
    ];

    /// <summary>Lists that are always given whole, as upstream.</summary>
    static readonly string[] Whole =
    [
        "volume_summary", "volume_metadata_list", "volume_encryption_list", "snapshot_metadata_list", "type_spec_list", "type_access_list", "service_list",
        "pool_list", "availability_zone_list", "limits_show", "extension_list", "resource_filter_list", "type_encryption_show", "qos_spec_associations", "qos_spec_associate", "qos_spec_disassociate",
        "qos_spec_disassociate_all", "backup_export", "default_type_list", "group_spec_list", "quota_set_defaults",
        "os_transfer_list", "os_transfer_list_detail", "host_list", "cluster_list", "cluster_list_detail",
        .. OfPools,
    ];

    static readonly string[] NoPages =
    [
        "limit=x", "limit=", "limit=-1", "limit=1.5", "limit=1e3", "limit=0x10", "limit=NaN", "limit=None", "limit=%00", "limit=--1", "limit=-99999999999999999999", "limit=1;drop",
        "offset=x", "offset=", "offset=-1", "offset=1.5", "offset=2147483648", "offset=99999999999999999999", "offset=-99999999999999999999",
        "sort=nonsense", "sort=nonsense:asc", "sort=id:up", "sort=id:asc:desc", "sort=:", "sort=:asc", "sort=,", "sort=id,", "sort=", "sort=id;drop%20table%20volume",
        "sort=metadata:asc", "sort=1", "sort=id:ASC", "sort=created_at%20desc", "sort_key=nonsense", "sort_key=", "sort_dir=up", "sort_dir=",
        "sort=id&sort_key=id", "sort=id&sort_dir=asc", "sort=%ff", "sort=%00", "sort=" + "id:asc,nonsense",
    ];

    static readonly string[] NoMarkers =
    [
        "x", "", "11111111-1111-4111-8111-111111111111", "%27", "%27%20or%201%3D1--", "%e2%80%8b", "None", "null", "0", "../..", new('a', 300), new('a', 7000),
    ];

    /// <summary>Wherever a query is read, it must be text.</summary>
    static readonly string[] NoText = ["a=%ff", "%ff=a", "a=%c3%28", "a=%ed%a0%80", "a=%c0%80", "a=%00", "%00=a", "a%00b=c", "marker=%00", "name=%ff"];

    /// <summary>What may mean nothing, or find nothing; but it is no failure.</summary>
    static readonly string[] Odd =
    [
        "", "&", "&&&=&", "=", "?", "a", "a=b=c", "a&a&a", "%", "%1", "%zz=%zz", "+", "a[]=1", "a[b]=c", ";", "id=[", "id={", "id=['a'", "id={'a':", "id=[[[[[[[[[[[[[[[[[[[[[[", "id=(1,)",
        "id=None", "id=True", "id=['a','b']", "id={'a':'b'}", "id=-", "id=1e999", "id='", "id=\\", "name=[", "name='", "name=%25", "name~=%25_%5c", "name~=", "~=a", "~", "name~~=a",
        "status=['a',[]]", "status={}", "status=%27%20or%201=1", "metadata=a", "metadata={'a':{'b':'c'}}", "metadata={'a':None}", "metadata=[]", "metadata={%22a%22:1}", "metadata={'a'}",
        "metadata={'%25':'_'}", "metadata={'a.b':'c','$':'d'}", "glance_metadata={'a':'b'}", "extra_specs={'a':'b'}", "extra_specs=a", "extra_specs={'a.b[0]':1}",
        "size=x", "size=-1", "size=99999999999999999999", "size=1.5", "size=[1,'x']", "size={}", "host=%00%", "project_id=x", "project_id=&all_tenants=1", "all_tenants=1", "all_tenants=0",
        "all_tenants=1&all_tenants=maybe", "user_id=['a']", "group_id=x", "migration_status=None", "migration_status=target:x", "availability_zone=None", "volume_type_id=1",
        "consumes_quota=true", "multiattach=maybe", "provider_location=None", "created_at=gt:2020-01-01", "resource=x", "resource=['volume']", "detail=0", "is_public=None", "binary=x",
        "host=x@y%23z", "volume_type=x", "tenant_id=x", "bootable=true", "with_count=1", "limit=0", "limit=%2B5", "limit=99999999999999999999", "limit=1001", "offset=2147483647",
        "sort=id:asc,id:desc", "sort=id:", "cluster_name=a", "no_such_filter=a", "\u0130=a".Replace("\u0130", "%c4%b0", StringComparison.Ordinal), "id=" + "%f0%9f%98%80",
        "id=[" + "1,", "id=" + "%5b%5d",
    ];

    public static TheoryData<string> Read => RouteCases.Names(r => r.Method == "GET");
    public static TheoryData<string> InPages => [.. Paged.Keys];

    /// <summary>A list that is new must be put in one of the two, so that it is known what it has to refuse.</summary>
    [Fact]
    public void Every_list_is_known() =>
        Assert.Equal(RouteCases.All.Where(r => r.Method == "GET" && !r.Path.EndsWith('}')).Select(r => r.Name).Distinct().Order(), Paged.Keys.Concat(Whole).Order());

    [Theory]
    [MemberData(nameof(InPages))]
    public async Task Pages_that_are_none(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        foreach (var minor in ((int[])[Paged[name], 30, 71]).Where(m => m >= Paged[name]))
        {
            foreach (var query in NoPages) await refusals.Refused($"3.{minor} {query}", Get(route, query, minor), 400);
            foreach (var marker in NoMarkers)
                foreach (var more in (string[])["", "&limit=0", "&offset=5", "&sort=id:asc", "&name=no+such+thing"])
                    await refusals.Refused($"3.{minor} marker={marker}{more}", Get(route, $"marker={marker}{more}", minor), 404);
        }
        refusals.End();
    }

    [Theory]
    [MemberData(nameof(Read))]
    public async Task Queries_that_are_no_text(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        foreach (var query in NoText)
            if (Paged.ContainsKey(name)) await refusals.Refused(query, Get(route, query, 71), 400);
            else await refusals.Harmless(query, Get(route, query, 71));
        refusals.End();
    }

    [Theory]
    [MemberData(nameof(Read))]
    public async Task Queries_that_are_odd(string name)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        foreach (var minor in (int[])[route.Since, 30, 71])
        {
            if (minor < route.Since) continue;
            foreach (var query in Odd) await refusals.Harmless($"3.{minor} {query}", Get(route, query, minor));
            await refusals.Harmless("much", Get(route, string.Join('&', Enumerable.Range(0, 500).Select(i => $"k{i}={i}")), minor));
            await refusals.Harmless("many values", Get(route, $"id=[{string.Join(",", Enumerable.Range(0, 1500))}]", minor));
            await refusals.Harmless("deep", Get(route, $"metadata={new string('[', 3000)}", minor));
        }
        refusals.End();
    }

    [Theory]
    [InlineData("volume_list", 2, "bootable=", "bootable=maybe", "bootable=[]", "bootable=2")]
    [InlineData("volume_list_detail", 45, "with_count=maybe", "with_count=", "with_count=2")]
    [InlineData("volume_list_detail", 60, "created_at=x", "created_at=", "created_at=after:2020-01-01", "created_at=gt:", "created_at=gt:x", "created_at=gt:2020-13-01",
        "created_at=gt:2020-01-01,", "created_at=gt:2020-01-01,x", "updated_at=2020-01-01T00:00:00", "updated_at=lt:1", "updated_at=:", "created_at=gt:99999-01-01", "created_at=gt:%c3%a9")]
    [InlineData("volume_list", 65, "consumes_quota=maybe", "consumes_quota=")]
    [InlineData("volume_list", 31, "%c3%a9=a")]
    [InlineData("volume_list", 71, "all_tenants=maybe")]
    [InlineData("type_list", 0, "is_public=maybe", "is_public=2")]
    [InlineData("pool_list", 0, "detail=maybe")]
    [InlineData("group_type_list", 11, "is_public=maybe", "is_public=2")]
    [InlineData("quota_set_show", 0, "usage=maybe", "usage=", "usage=2")]
    [InlineData("qos_spec_delete", 0, "force=maybe", "force=", "force=2")]
    [InlineData("qos_spec_associate", 0, "vol_type_id=", "vol_type=x")]
    [InlineData("qos_spec_disassociate", 0, "vol_type_id=", "vol_type=x")]
    [InlineData("pool_list", 31, "no_such_filter=a", "capabilities=a")]
    [InlineData("manageable_volume_list", 17, "", "host=", "cluster=", "host=a&cluster=b", "host=a&limit=x", "host=a&offset=-1", "host=a&sort=id", "host=a&sort=size:up",
        "host=a&sort=size&sort_key=size", "host=a&marker=x", "host=a&marker={}", "host=a&marker={'source-name':1}", "host=a&marker={'source-id':'x'}")]
    [InlineData("volume_delete", 0, "cascade=maybe", "cascade=", "cascade=2")]
    [InlineData("volume_delete", 23, "force=maybe", "force=", "force=-1", "force=%00", "force=%ff")]
    public async Task Values_that_are_none(string name, int minor, params string[] queries)
    {
        var route = RouteCases.Of(name);
        var refusals = new Refusals(things);
        foreach (var query in queries)
            foreach (var version in (int[])[minor, 71])
                await refusals.Refused($"3.{version} {query}", Get(route, query, version), 400);
        refusals.End();
    }

    Func<Wire, Task<Answer>> Get(Route route, string query, int minor) =>
        w => w.Send(route.Method, $"{things.Path(route)}?{query}", (byte[]?)null, $"3.{minor}");
}
