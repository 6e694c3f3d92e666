using System.Net.Security;

namespace Clinker.Server.Api.Network;

/// <summary>
/// The certificate in use, read anew when its files change; wrong or half-written ones are told of, and the one of before stays in use.
/// Connections that are open go on with theirs.
/// </summary>
sealed partial class TlsSource
{
    readonly TlsFiles files;
    readonly ILogger log;
    (string, string, string?) held;
    string? wrong;

    /// <exception cref="IOException">The files are wrong; the message names one.</exception>
    public TlsSource(TlsFiles files, ILogger log)
    {
        (this.files, this.log) = (files, log);
        var read = files.Read();
        Current = files.Options(read);
        held = read;
    }

    public SslServerAuthenticationOptions Current { get; private set; }

    /// <summary>Looks whether the files have changed. Called now and then.</summary>
    public void Look()
    {
        try
        {
            // By what is in them: neither times nor links tell whether another certificate is there.
            var read = files.Read();
            if (read == held) return;
            held = read;
            Current = files.Options(read);
            wrong = null;
            Log.Read(log, files.Certificate);
        }
        catch (IOException e)
        {
            if (e.Message != wrong) Log.Wrong(log, wrong = e.Message);
        }
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "The certificate is read anew: {File}")]
        public static partial void Read(ILogger log, string file);

        [LoggerMessage(Level = LogLevel.Error, Message = "{Why}. The certificate of before stays in use")]
        public static partial void Wrong(ILogger log, string why);
    }
}
