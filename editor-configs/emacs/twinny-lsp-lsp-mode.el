;;; twinny-lsp-lsp-mode.el --- Completion from your own models, with lsp-mode  -*- lexical-binding: t; -*-

;;; Commentary:

;; Put this file on your `load-path' and add to your init file:
;;
;;     (require 'twinny-lsp-lsp-mode)
;;
;; twinny-lsp then runs beside the language's own server in every programming mode where lsp-mode runs.
;; Use it with company: Emacs's own `completion-at-point' puts only an item's first line into the text
;; when the item comes from lsp-mode.

;;; Code:

(require 'lsp-mode)

(defgroup twinny-lsp-lsp-mode nil
  "Code completion from your own models, with lsp-mode."
  :group 'lsp-mode
  :prefix "twinny-lsp-lsp-mode-")

(defcustom twinny-lsp-lsp-mode-settings nil
  "Settings for the server, as a property list.
nil keeps those of the server's own configuration file.  For example:
  (:completion (:provider \"ollama\" :model \"qwen2.5-coder:1.5b-base\"))
Local values are not looked at.  `twinny-lsp-lsp-mode-apply' tells a
running server of a change."
  :type 'plist
  :risky t)

(lsp-register-custom-settings
 (mapcar (lambda (section)
           (list (concat "twinny-lsp." section)
                 (lambda ()
                   (plist-get (default-value 'twinny-lsp-lsp-mode-settings)
                              (intern (concat ":" section))))))
         '("providers" "completion" "chat" "context" "privacy" "templates" "log")))

(lsp-register-client
 (make-lsp-client
  :server-id 'twinny-lsp
  :new-connection (lsp-stdio-connection '("twinny-lsp"))
  :activation-fn (lambda (&rest _) (derived-mode-p '(prog-mode sgml-mode markdown-mode)))
  ;; Beside the server of the language, not in its place.
  :add-on? t
  :priority -1))

(defun twinny-lsp-lsp-mode-apply ()
  "Tell the running server of changed settings."
  (interactive)
  (with-lsp-workspace (or (lsp-find-workspace 'twinny-lsp nil) (user-error "It does not run"))
    (lsp--set-configuration (lsp-configuration-section "twinny-lsp"))))

(defun twinny-lsp-lsp-mode-chat ()
  "Open a new chat.  Code actions send a message."
  (interactive)
  (with-lsp-workspace (or (lsp-find-workspace 'twinny-lsp nil) (user-error "It does not run"))
    (lsp-request-async "workspace/executeCommand" '(:command "twinny-lsp.openChat" :arguments []) #'ignore)))

(provide 'twinny-lsp-lsp-mode)
;;; twinny-lsp-lsp-mode.el ends here
