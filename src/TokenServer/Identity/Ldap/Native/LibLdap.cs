using System.DirectoryServices.Protocols;
using System.Reflection;
using System.Runtime.InteropServices;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.TokenServer.Identity.Ldap.Native;

/// <summary>
/// What System.DirectoryServices.Protocols leaves out on Linux and libldap has: a bound on connecting, the certificates to
/// trust, the code and the words of a refused bind, and a way to end a call that waits for a silent server. It works on the
/// library's own handle, which is private there; <see cref="HandleOf"/> is the one place that knows its name.
/// </summary>
internal static unsafe partial class LibLdap
{
    private const int OptDescriptor = 0x0001;
    private const int OptResultCode = 0x0031;
    private const int OptDiagnosticMessage = 0x0032;
    private const int OptNetworkTimeout = 0x5005;
    private const int OptUri = 0x5006;
    private const int OptTlsCaFile = 0x6002;
    private const int OptTlsCaDirectory = 0x6003;
    private const int OptTlsRequireCertificate = 0x6006;
    private const int TlsDemand = 2;
    private const int ShutBoth = 2;

    private static readonly FieldInfo Handle = typeof(LdapConnection).GetField(
        "_ldapHandle", BindingFlags.Instance | BindingFlags.NonPublic)
        ?? throw new MissingFieldException(nameof(LdapConnection), "_ldapHandle");

    private static readonly nint Library = TryLoad(out var library) ? library : 0;
    private static readonly delegate* unmanaged<nint, int, void*,
        int> SetOption = (delegate* unmanaged<nint, int, void*, int>)Export("ldap_set_option");
    private static readonly delegate* unmanaged<nint, int, void*,
        int> GetOption = (delegate* unmanaged<nint, int, void*, int>)Export("ldap_get_option");
    private static readonly delegate* unmanaged<nint, void> Free = (delegate* unmanaged<nint, void>)Export("ldap_memfree");

    /// <summary>Checks at startup that the library is installed.</summary>
    /// <exception cref="OperatorException">It is not.</exception>
    public static void Demand()
    {
        if (Library == 0)
        {
            throw new OperatorException("sign-in by LDAP needs libldap, which is not installed (Debian: libldap-2.5-0 or libldap2)");
        }
    }

    /// <summary>The handle of a connection; it is the connection's, which closes it.</summary>
    public static SafeHandle HandleOf(LdapConnection connection) =>
        Handle.GetValue(connection) as SafeHandle ?? throw new InvalidOperationException("The connection has no handle.");

    /// <summary>
    /// Sets the server address before the first request, which System.DirectoryServices.Protocols does itself for every request but
    /// StartTLS.
    /// </summary>
    public static void Address(SafeHandle handle, DirectoryServer server)
    {
        var uri = Marshal.StringToCoTaskMemUTF8(server.ToString());
        try
        {
            Set(handle, OptUri, (void*)uri);
        }
        finally
        {
            Marshal.FreeCoTaskMem(uri);
        }
    }

    /// <summary>Bounds the time in which a connection must be made.</summary>
    public static void BoundConnecting(SafeHandle handle, TimeSpan within)
    {
        var time =
            stackalloc nint[2] { (nint)(within.Ticks / TimeSpan.TicksPerSecond),
                (nint)(within.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond) };
        Set(handle, OptNetworkTimeout, time);
    }

    /// <summary>Trusts the certificates in one file alone, and demands a good one, whatever the machine's ldap.conf says.</summary>
    public static void TrustOnly(SafeHandle handle, string caFile)
    {
        var path = Marshal.StringToCoTaskMemUTF8(caFile);
        try
        {
            var demand = TlsDemand;
            Set(handle, OptTlsRequireCertificate, &demand);
            Set(handle, OptTlsCaDirectory, null);
            Set(handle, OptTlsCaFile, (void*)path);
        }
        finally
        {
            Marshal.FreeCoTaskMem(path);
        }
    }

    /// <summary>The result code of the last operation.</summary>
    public static int ResultCode(SafeHandle handle)
    {
        int code;
        return GetOption(handle.DangerousGetHandle(), OptResultCode, &code) == 0 ? code : -1;
    }

    /// <summary>The server's words for the result of the last operation.</summary>
    public static string Diagnostic(SafeHandle handle)
    {
        nint text = 0;
        if (GetOption(handle.DangerousGetHandle(), OptDiagnosticMessage, &text) != 0 || text == 0) return "";
        var diagnostic = Marshal.PtrToStringUTF8(text) ?? "";
        Free(text);
        return diagnostic;
    }

    /// <summary>Shuts the connection down from this side, which ends a call waiting on it.</summary>
    /// <returns>Whether there was one.</returns>
    public static bool HangUp(SafeHandle handle)
    {
        var descriptor = -1;
        return GetOption(handle.DangerousGetHandle(), OptDescriptor, &descriptor) == 0
            && descriptor > 2
            && ShutDown(descriptor, ShutBoth) == 0;
    }

    private static void Set(SafeHandle handle, int option, void* value)
    {
        var error = SetOption(handle.DangerousGetHandle(), option, value);
        if (error != 0) throw new InvalidOperationException($"libldap does not take option 0x{option:x}: {error}.");
    }

    // The names under which the library comes, in the order in which System.DirectoryServices.Protocols looks for it: both must find
    // the same one.
    private static bool TryLoad(out nint library)
    {
        foreach (var name in (ReadOnlySpan<string>)["libldap.so.2", "libldap-2.6.so.0", "libldap-2.5.so.0", "libldap-2.4.so.2"])
        {
            if (NativeLibrary.TryLoad(name, out library)) return true;
        }

        library = 0;
        return false;
    }

    private static nint Export(string name) => Library == 0 ? 0 : NativeLibrary.GetExport(Library, name);

    [LibraryImport("libc", EntryPoint = "shutdown")]
    private static partial int ShutDown(int socket, int how);
}
