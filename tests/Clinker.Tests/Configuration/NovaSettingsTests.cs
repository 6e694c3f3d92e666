using System.Text;
using Clinker.Server.Configuration;
using Xunit;

namespace Clinker.Tests.Configuration;

public sealed class NovaSettingsTests
{
    const string Start = "[DEFAULT]\nenabled_backends = m\n[m]\nvolume_driver = memory\n";
    const string User = "username = asker\nuser_domain_name = Default\npassword = sesame\nproject_name = service\nproject_domain_id = default\n";

    [Fact]
    public void What_Cinder_has_in_its_section_is_understood()
    {
        var settings = Given.Of(Start + "[nova]\nauth_url = http://controller:5000\ninterface = internal\nregion_name = RegionOne\n" + User);
        Assert.Equal(("http://controller:5000/v3/", new Sought("compute", "internal", "RegionOne"), TimeSpan.FromSeconds(60)),
            (settings.Nova!.AuthUrl.ToString(), settings.Nova.Seeks, settings.Nova.Deadline));
        Assert.Contains("\"asker\"", Encoding.UTF8.GetString(settings.Nova.SignIn), StringComparison.Ordinal);
        Assert.DoesNotContain(settings.Notes, n => n.Contains("[nova]", StringComparison.Ordinal));
    }

    [Fact]
    public void It_may_be_the_daemons_own_user()
    {
        var settings = Given.Of(Start + "[nova]\nauth_section = keystone_authtoken\n[keystone_authtoken]\nauth_url = http://controller:5000/v3\n" + User);
        Assert.Equal("http://controller:5000/v3/", settings.Nova!.AuthUrl.ToString());
        Assert.Contains("\"asker\"", Encoding.UTF8.GetString(settings.Nova.SignIn), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_it_nobody_is_asked_and_what_is_missing_is_told()
    {
        Assert.Null(Given.Of(Start).Nova);
        Assert.Null(Given.Of(Start + "[nova]\nregion_name = RegionOne\n").Nova);
        var without = Given.Of(Start + "[nova]\n" + User);
        Assert.Null(without.Nova);
        Assert.Contains(without.Notes, n => n.Contains("[nova] has no effect without auth_url", StringComparison.Ordinal));
        Assert.Contains(Given.Wrong(Start + "[nova]\nauth_url = http://controller:5000\nusername = asker\nuser_domain_name = Default\nproject_id = p\n"),
            w => w.Contains("[nova] password", StringComparison.Ordinal));
    }
}
